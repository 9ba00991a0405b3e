//! Decides what a field holds. The endpoint's document or the configuration says it; otherwise the name of the field
//! does.

use std::collections::HashMap;

use crate::bundle::{Content, ContentKind, Endpoint};

/// The longest name that is looked up. People name no field longer, and a client could send megabytes.
const MAX_NAME_BYTES: usize = 256;

/// The names of fields and what these fields hold. It is made once for each bundle.
#[derive(Debug, Default)]
pub(crate) struct FieldNames {
    names: HashMap<Box<str>, ContentKind>,
    /// Names that only count as a whole name, not as the last words of a longer one.
    whole: HashMap<Box<str>, ContentKind>,
    /// For each endpoint, its fields: paths in lower case, with dots.
    endpoints: HashMap<u32, HashMap<Box<str>, ContentKind>>,
}

impl FieldNames {
    pub(crate) fn new(content: &Content, endpoints: &[Endpoint]) -> Self {
        let mut found = Self::default();
        if !content.weigh {
            return found;
        }
        for (name, kind) in &content.names {
            // `=text` holds only for a field with this name, `text` also for `comment_text`.
            match name.strip_prefix('=') {
                Some(name) => found.whole.insert(name.into(), *kind),
                None => found.names.insert(name.as_str().into(), *kind),
            };
        }
        for (number, endpoint) in (0_u32..).zip(endpoints) {
            if endpoint.content.is_empty() {
                continue;
            }
            let fields = endpoint.content.iter();
            let fields = fields.map(|(name, kind)| (Path::of(name.as_bytes()).text.into(), *kind));
            found.endpoints.insert(number, fields.collect());
        }
        found
    }

    /// The fields of an endpoint, or of calls that belong to no endpoint; `None` when nothing is weighed.
    pub(crate) fn of(&self, endpoint: Option<u32>) -> Option<Fields<'_>> {
        let own = endpoint.and_then(|endpoint| self.endpoints.get(&endpoint));
        // Without names no value is weighed, and rules run as if there were no grammars.
        let nothing = own.is_none() && self.names.is_empty() && self.whole.is_empty();
        (!nothing).then_some(Fields { own, names: self })
    }
}

/// Media types of data whose names begin like those of source code.
const DATA: [&[u8]; 4] = [b"x-yaml", b"x-csv", b"x-comma-separated-values", b"x-json"];

/// A field that holds content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Field {
    /// What the field holds.
    pub(crate) kind: ContentKind,
    /// Whether the field, which is weighed as prose, may hold a line of code.
    pub(crate) may_be_code: bool,
    /// Whether the field is a JSON document whose values rules look at one by one: the quotes in it are its own.
    pub(crate) is_document: bool,
}

impl Field {
    /// The field of a body that is one text, from its media type.
    ///
    /// # Arguments
    /// * `media` - the value of `Content-Type`. Tables and documents of data (CSV, YAML) are no texts.
    pub(crate) fn of_media(media: &[u8]) -> Self {
        let end = media
            .iter()
            .position(|byte| matches!(byte, b';' | b',' | b' ' | b'\t'))
            .unwrap_or(media.len());
        let essence = media.get(..end).unwrap_or(media).to_ascii_lowercase();
        let kind = match essence.strip_prefix(b"text/").unwrap_or_default() {
            b"plain" | b"rtf" | b"richtext" | b"enriched" | b"vtt" | b"troff" => ContentKind::Prose,
            b"markdown" | b"x-markdown" | b"x-rst" | b"x-web-markdown" => ContentKind::Markdown,
            b"html" => ContentKind::Html,
            b"css" | b"javascript" | b"ecmascript" | b"typescript" | b"jsx" | b"sgml" => {
                ContentKind::Code
            }
            other if other.starts_with(b"x-") && !DATA.contains(&other) => ContentKind::Code,
            _ => ContentKind::Other,
        };
        Self::of_kind(kind)
    }

    /// The field of a document whose values rules look at one by one.
    pub(crate) fn of_document() -> Self {
        Self {
            kind: ContentKind::Prose,
            may_be_code: true,
            is_document: true,
        }
    }

    pub(super) fn of_kind(kind: ContentKind) -> Self {
        Self {
            kind,
            may_be_code: false,
            is_document: false,
        }
    }

    /// Whether the field holds content at all.
    pub(crate) fn is_content(self) -> bool {
        self.kind != ContentKind::Other
    }
}

/// What the fields of a request hold.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'a> {
    own: Option<&'a HashMap<Box<str>, ContentKind>>,
    names: &'a FieldNames,
}

impl Fields<'_> {
    /// The field with this name. Its kind is [`ContentKind::Other`] when the field holds no content, or when nothing is
    /// known about it.
    ///
    /// # Arguments
    /// * `name` - the name as rules see it: `json.issue.body`, `comment`, `/order/note`.
    /// * `value` - decides about a name that has several meanings (`code`).
    pub(crate) fn field(&self, name: &[u8], value: &[u8]) -> Field {
        let field = Field::of_kind;
        // Reading a name allocates, so this is checked first.
        if name.len() > MAX_NAME_BYTES {
            return field(ContentKind::Other);
        }
        let path = Path::of(name);
        // What a document says about a field counts more than the name of the field.
        if let Some(kind) = self.own.and_then(|own| own.get(path.text.as_str())) {
            return field(*kind);
        }
        let kind = self.by_name(&path.last);
        // A coupon is called a code too, but only a program has lines.
        if kind == ContentKind::Code
            && matches!(path.last.as_str(), "code" | "script" | "source")
            && memchr::memchr(b'\n', value).is_none()
        {
            return Field {
                kind: ContentKind::Prose,
                // A `source` may say where something comes from, which is no program.
                may_be_code: path.last != "source",
                is_document: false,
            };
        }
        // A query is what people search for, or a statement that the application runs as it is.
        if kind == ContentKind::Prose && path.last == "query" && is_statement(value) {
            return field(ContentKind::Query);
        }
        field(kind)
    }

    fn by_name(&self, last: &str) -> ContentKind {
        if let Some(kind) = self.names.whole.get(last) {
            return *kind;
        }
        let mut rest = last;
        loop {
            if let Some(kind) = self.names.names.get(rest) {
                return *kind;
            }
            match rest.split_once('_') {
                // Endings are tried from the longest one to the last word: `internal_review_comment`, `review_comment`,
                // `comment`.
                Some((_, words)) => rest = words,
                None => return ContentKind::Other,
            }
        }
    }
}

/// Whether a value is an SQL statement from its beginning. A value that breaks out first ends another statement.
fn is_statement(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    [
        &b"select "[..],
        b"select\n",
        b"with ",
        b"insert into ",
        b"update ",
        b"delete from ",
        b"explain ",
        b"create table ",
        b"alter table ",
    ]
    .iter()
    .any(|word| super::text::begins(value, word))
}

/// The parts of a name: `json.items.array_0.commentText` has the text `items.commenttext` and the last word
/// `comment_text`.
struct Path {
    text: String,
    last: String,
}

impl Path {
    fn of(name: &[u8]) -> Self {
        let name = String::from_utf8_lossy(name);
        let parts = name
            .split(['.', '[', ']', '/', '@'])
            .filter(|part| !is_index(part));
        let mut text = String::with_capacity(name.len());
        let mut last = "";
        for (place, part) in parts.enumerate() {
            // Readers of bodies put the format before a name; documents name fields without it.
            if place == 0 && matches!(part, "json" | "xml" | "graphql") {
                continue;
            }
            if !text.is_empty() {
                text.push('.');
            }
            text.extend(part.chars().flat_map(char::to_lowercase));
            last = part;
        }
        Self {
            text,
            last: words(last),
        }
    }
}

/// Whether a part is the index of a list item, as the readers of bodies write it.
fn is_index(part: &str) -> bool {
    let number = part.strip_prefix("array_").unwrap_or(part);
    number.bytes().all(|byte| byte.is_ascii_digit())
}

/// The words of a name, in lower case with `_` between them: `commentText`, `comment-text` and `Comment_Text` become
/// `comment_text`.
fn words(name: &str) -> String {
    let mut out = String::with_capacity(name.len() + 4);
    let mut small = false;
    for letter in name.chars() {
        if matches!(letter, '-' | ' ' | ':') {
            out.push('_');
            small = false;
            continue;
        }
        if letter.is_uppercase() && small {
            out.push('_');
        }
        small = letter.is_lowercase() || letter.is_ascii_digit();
        out.extend(letter.to_lowercase());
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::endpoint;

    fn names() -> FieldNames {
        let mut documented = endpoint("POST", "/issues");
        documented.content = vec![
            ("json.issue.Body".to_owned(), ContentKind::Markdown),
            ("json.comment".to_owned(), ContentKind::Other),
        ];
        let content = Content {
            weigh: true,
            names: [
                ("comment", ContentKind::Prose),
                ("text", ContentKind::Prose),
                ("=code", ContentKind::Code),
            ]
            .map(|(name, kind)| (name.to_owned(), kind))
            .to_vec(),
        };
        FieldNames::new(&content, &[endpoint("GET", "/"), documented])
    }

    #[test]
    fn what_an_endpoint_says_comes_before_names() {
        let names = names();
        let kind = |endpoint, name: &str| {
            names
                .of(endpoint)
                .unwrap()
                .field(name.as_bytes(), b"x")
                .kind
        };
        assert_eq!(kind(Some(1), "json.issue.body"), ContentKind::Markdown);
        assert_eq!(kind(Some(1), "issue[body]"), ContentKind::Markdown);
        assert_eq!(kind(Some(1), "json.comment"), ContentKind::Other);
        assert_eq!(kind(Some(0), "json.comment"), ContentKind::Prose);
        assert_eq!(kind(None, "json.comment"), ContentKind::Prose);
    }

    #[test]
    fn names_are_read_by_their_last_words() {
        let names = names();
        let kind = |name: &str| names.of(None).unwrap().field(name.as_bytes(), b"x").kind;
        for name in [
            "comment",
            "json.commentText",
            "json.items.array_0.comment",
            "messages[0][text]",
            "order-comment",
            "/order/comment",
            "Comment",
        ] {
            assert_eq!(kind(name), ContentKind::Prose, "{name}");
        }
        for name in [
            "comment_id",
            "json.commentCount",
            "context",
            "text[]x",
            "json",
            "",
            "comments.author",
            "zip_code",
        ] {
            assert_eq!(kind(name), ContentKind::Other, "{name}");
        }
    }

    #[test]
    fn code_is_a_program_when_it_has_lines() {
        let names = names();
        let kind = |value: &[u8]| names.of(None).unwrap().field(b"code", value).kind;
        assert_eq!(kind(b"SUMMER26"), ContentKind::Prose);
        assert_eq!(kind(b"a = 1\nb = 2"), ContentKind::Code);
    }

    #[test]
    fn a_source_is_a_program_when_it_has_lines() {
        let content = Content {
            weigh: true,
            names: vec![("=source".to_owned(), ContentKind::Code)],
        };
        let names = FieldNames::new(&content, &[]);
        let field = |value: &[u8]| names.of(None).unwrap().field(b"json.source", value);
        assert_eq!(field(b"a = 1\nb = 2").kind, ContentKind::Code);
        assert_eq!(field(b"newsletter").kind, ContentKind::Prose);
        assert!(!field(b"newsletter").may_be_code);
    }

    #[test]
    fn a_body_is_what_its_media_type_says() {
        let kind = |media: &str| Field::of_media(media.as_bytes()).kind;
        assert_eq!(kind("text/plain"), ContentKind::Prose);
        assert_eq!(kind("Text/Markdown; charset=utf-8"), ContentKind::Markdown);
        assert_eq!(kind("text/html"), ContentKind::Html);
        assert_eq!(kind("text/x-python"), ContentKind::Code);
        for media in [
            "text/csv",
            "text/x-yaml",
            "application/x-www-form-urlencoded",
            "application/json",
            "",
            "text/",
        ] {
            assert_eq!(kind(media), ContentKind::Other, "{media}");
        }
    }

    #[test]
    fn nothing_is_weighed_when_it_is_off() {
        let content = Content {
            weigh: false,
            ..Content {
                weigh: true,
                names: vec![("comment".into(), ContentKind::Prose)],
            }
        };
        assert!(FieldNames::new(&content, &[]).of(None).is_none());
        assert!(FieldNames::default().of(Some(3)).is_none());
    }
}
