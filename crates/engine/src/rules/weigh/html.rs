//! HTML: a value becomes text, an attribute or part of a script. It runs when one of its tags runs or loads a
//! script, when it ends an attribute and begins a handler, or when one of its links is a script.

use std::borrow::Cow;

use super::script;
use super::text::{
    Code, at, before, begins, entities_decoded, escapes_decoded, find, from, is_blank,
    is_one_token, skip_blank, trim,
};
use crate::bundle::ContentKind;

/// How many bytes of all tags together are read, in addition to four for each byte of the value. A value that needs
/// more counts.
const MAX_READ: usize = 64 << 10;

/// How many bytes of the content of a script or style element are looked at.
const MAX_ELEMENT: usize = 4 << 10;

/// How many Markdown links whose target may be a script are read. A value with more counts.
const MAX_LINKS: usize = 2048;

/// The longest name of a tag that matters.
const MAX_NAME: usize = 16;

/// How many attributes of one tag are read.
const MAX_ATTRIBUTES: usize = 64;

/// Whether a value runs script where HTML is shown.
pub(super) fn runs(kind: ContentKind, value: &[u8]) -> bool {
    if kind == ContentKind::Code {
        // Code contains tags and calls. A value whose first characters close an element of the page is no code.
        return breaks_element(value) || (is_one_token(value) && is_script_address(value));
    }
    if at_start_is_script(kind, value) || in_markup(kind, value) || script::runs(kind, value) {
        return true;
    }
    // A regular expression or a statement contains escapes for what it looks for.
    if kind == ContentKind::Pattern || kind == ContentKind::Query {
        return false;
    }
    // Prose about markup contains escaped markup, so only a value that is nothing else is looked at unescaped.
    is_dense(value) && escapes_decoded(value).is_some_and(|plain| in_markup(kind, &plain))
}

/// Whether a value is markup or script and not a sentence with some markup in it: at most three words stand alone.
fn is_dense(value: &[u8]) -> bool {
    let words = value.split(|byte| is_blank(*byte)).filter(|word| {
        word.len() > 1
            && word.iter().all(|byte| {
                byte.is_ascii_alphabetic() || matches!(byte, b',' | b'.' | b'!' | b'\'')
            })
    });
    words.count() <= 3
}

fn in_markup(kind: ContentKind, value: &[u8]) -> bool {
    let without_nulls = plain(value);
    let value: &[u8] = &without_nulls;
    let code = if kind == ContentKind::Markdown {
        Code::of(value)
    } else {
        Code::NONE
    };
    has_running_tag(kind, value, &code)
        || has_handler_behind_quote(value, &code)
        || has_script_link(value, &code)
        || is_encoded_script(value)
}

/// The value without NULs, which old browsers skip in names.
fn plain(value: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr(0, value).is_none() {
        return Cow::Borrowed(value);
    }
    Cow::Owned(value.iter().copied().filter(|byte| *byte != 0).collect())
}

/// Whether the first characters of a value break out of an element, as in `</textarea><script>`.
fn breaks_element(value: &[u8]) -> bool {
    let value = trim(value);
    let head = value.get(..value.len().min(160)).unwrap_or(value);
    let closes = matches!(at(head, 0), b'"' | b'\'' | b'>' | b'-') || head.starts_with(b"</");
    closes
        && (has_running_tag(ContentKind::Prose, head, &Code::NONE)
            || has_handler_behind_quote(head, &Code::NONE))
}

fn at_start_is_script(kind: ContentKind, value: &[u8]) -> bool {
    let value = trim(value);
    if kind == ContentKind::Pattern {
        return is_one_token(value) && is_script_address(value);
    }
    is_script_address(&entities_decoded(value))
}

/// Whether an address runs script. White space and control characters in it are ignored (WHATWG URL).
fn is_script_address(address: &[u8]) -> bool {
    const SCHEMES: [&[u8]; 3] = [b"javascript:", b"vbscript:", b"livescript:"];
    let mut head = [0_u8; 32];
    let mut length = 0;
    let mut leading = true;
    // White space in a scheme is ignored (WHATWG URL, section 4.4), and attackers put much of it there.
    for byte in address.iter().take(256) {
        leading &= *byte <= b' ';
        if leading || matches!(byte, 0 | b'\t' | b'\n' | b'\r') {
            continue;
        }
        let Some(slot) = head.get_mut(length) else {
            break;
        };
        *slot = byte.to_ascii_lowercase();
        length += 1;
    }
    let head = head.get(..length).unwrap_or_default();
    if SCHEMES.iter().any(|scheme| {
        head.len() > scheme.len()
            && head.starts_with(scheme)
            && !matches!(head.get(scheme.len()), Some(b'"' | b'`' | b'\'' | b'/'))
            || head.starts_with(b"javascript://") && head.len() > 20
    }) {
        return true;
    }
    head.strip_prefix(b"data:").is_some_and(|rest| {
        [
            &b"text/html"[..],
            b"text/javascript",
            b"application/javascript",
            b"application/xhtml",
            b"text/xml",
            b"image/svg",
        ]
        .iter()
        .any(|media| rest.starts_with(media) && rest.len() > media.len())
    })
}

struct Tag<'v> {
    /// The name as it is written.
    name: &'v [u8],
    closing: bool,
    attributes: Vec<(&'v [u8], &'v [u8])>,
    /// The position after its `>`, or the end of the text.
    end: usize,
    closed: bool,
}

/// The tag at a `<` (HTML Living Standard, from section 13.2.5.6 on); `None` when there is none.
fn tag<'v>(text: &'v [u8], start: usize, read: &mut usize) -> Option<Tag<'v>> {
    let closing = at(text, start + 1) == b'/';
    let name_start = start + 1 + usize::from(closing);
    if !at(text, name_start).is_ascii_alphabetic() {
        return None;
    }
    let mut place = name_end(text, name_start, |byte| matches!(byte, b'/' | b'>'));
    let mut found = Tag {
        name: text.get(name_start..place).unwrap_or_default(),
        closing,
        attributes: Vec::new(),
        end: place,
        closed: false,
    };
    while place < text.len() && found.attributes.len() < MAX_ATTRIBUTES {
        while is_blank(at(text, place)) || at(text, place) == b'/' {
            place += 1;
        }
        if at(text, place) == b'>' {
            place += 1;
            found.closed = true;
            break;
        }
        let (attribute, behind) = attribute(text, place);
        found.attributes.push(attribute);
        place = behind;
    }
    // Each tag costs sixteen more, so that a value of many `<a` is not read for nothing.
    *read = read.saturating_add(place.saturating_sub(start) + 16);
    found.end = place.min(text.len());
    Some(found)
}

/// The attribute at a position, and the position after it.
fn attribute(text: &[u8], start: usize) -> ((&[u8], &[u8]), usize) {
    // A name may begin with `=`, so its first byte is not looked at.
    let end = name_end(text, start + 1, |byte| matches!(byte, b'/' | b'>' | b'='));
    let name = text.get(start..end).unwrap_or_default();
    let sign = skip_blank(text, end);
    if at(text, sign) != b'=' {
        return ((name, b""), end);
    }
    let place = skip_blank(text, sign + 1);
    let quote = at(text, place);
    if matches!(quote, b'"' | b'\'') {
        let rest = from(text, place + 1);
        let length = memchr::memchr(quote, rest).unwrap_or(rest.len());
        let value = rest.get(..length).unwrap_or_default();
        return ((name, value), place + length + 2);
    }
    let end = name_end(text, place, |byte| byte == b'>');
    ((name, text.get(place..end).unwrap_or_default()), end)
}

/// The position where a name ends: at a blank, or at a byte that `ends` names.
fn name_end(text: &[u8], start: usize, ends: impl Fn(u8) -> bool) -> usize {
    let mut place = start;
    while place < text.len() && !is_blank(at(text, place)) && !ends(at(text, place)) {
        place += 1;
    }
    place
}

impl Tag<'_> {
    /// The value of an attribute, with its entities decoded.
    fn attribute(&self, wanted: &[u8]) -> Option<Cow<'_, [u8]>> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.map(|(_, value)| entities_decoded(value))
    }

    /// Whether an attribute has a value.
    fn has(&self, wanted: &[u8]) -> bool {
        self.attribute(wanted)
            .is_some_and(|value| !trim(&value).is_empty())
    }

    /// Whether an attribute is an address whose response cannot be changed on its way (`https`).
    fn is_secure(&self, wanted: &[u8]) -> bool {
        self.attribute(wanted)
            .is_some_and(|value| begins(trim(&value), b"https://"))
    }
}

fn has_running_tag(kind: ContentKind, value: &[u8], code: &Code) -> bool {
    let mut read = 0;
    let limit = MAX_READ.saturating_add(value.len().saturating_mul(4));
    for start in memchr::memchr_iter(b'<', value) {
        if code.has(start) {
            continue;
        }
        if read > limit {
            return true;
        }
        let Some(tag) = tag(value, start, &mut read) else {
            continue;
        };
        // The content of these elements is read too, once for each tag.
        if is_script_name(local_name(tag.name)) || begins(tag.name, b"style") {
            read = read.saturating_add(MAX_ELEMENT / 4);
        }
        if tag_runs(kind, value, &tag) {
            return true;
        }
    }
    false
}

fn tag_runs(kind: ContentKind, text: &[u8], tag: &Tag<'_>) -> bool {
    // Browsers ignore the attributes of a closing tag (HTML Living Standard, section 13.2.5).
    if tag.closing {
        return false;
    }
    let mut attributes = tag.attributes.iter();
    if attributes.any(|(name, value)| attribute_runs(name, value)) {
        return true;
    }
    let name = local_name(tag.name);
    if is_script_name(name) {
        return script_tag_runs(text, tag);
    }
    name.len() <= MAX_NAME && element_runs(kind, text, tag, &name.to_ascii_lowercase())
}

/// Whether an element other than `script` runs script, or loads something that does.
///
/// # Arguments
/// * `name` - the name of the element in lower case.
fn element_runs(kind: ContentKind, text: &[u8], tag: &Tag<'_>, name: &[u8]) -> bool {
    let is_document = kind == ContentKind::Html;
    match name {
        b"iframe" | b"frame" => {
            tag.has(b"src") && !(is_document && tag.is_secure(b"src")) || tag.has(b"srcdoc")
        }
        b"object" | b"embed" | b"applet" | b"portal" | b"fencedframe" => {
            [&b"data"[..], b"src", b"code", b"archive", b"classid"]
                .iter()
                .any(|name| tag.has(name))
        }
        // A `base` leads all relative addresses of the page elsewhere, also those of its scripts.
        b"base" => tag.has(b"href"),
        b"link" => {
            let relation = tag.attribute(b"rel").unwrap_or_default();
            let loads =
                find(&relation, b"stylesheet").is_some() || find(&relation, b"import").is_some();
            loads && tag.has(b"href") && !(is_document && tag.is_secure(b"href"))
        }
        // Of the headers that `meta` can set, these lead the page elsewhere or set a session.
        b"meta" => {
            let header = tag.attribute(b"http-equiv").unwrap_or_default();
            let header = trim(&header);
            let acts = header.eq_ignore_ascii_case(b"refresh")
                || header.eq_ignore_ascii_case(b"set-cookie");
            acts && tag.has(b"content")
        }
        b"style" => {
            let rest = from(text, tag.end);
            let rest = rest.get(..rest.len().min(MAX_ELEMENT)).unwrap_or(rest);
            let end = find(rest, b"</style").unwrap_or(rest.len());
            style_runs(rest.get(..end).unwrap_or(rest))
        }
        b"include" => begins(tag.name, b"xi:") && tag.has(b"href"),
        b"bean" | b"import" | b"xml" => {
            tag.has(b"class") || tag.has(b"implementation") || tag.has(b"src")
        }
        _ => false,
    }
}

/// Whether a script element loads a script from another site, or contains one.
fn script_tag_runs(text: &[u8], tag: &Tag<'_>) -> bool {
    let loads = tag.attribute(b"src").is_some_and(|source| {
        let source = trim(&source);
        !source.is_empty() && !is_own_file(source)
    });
    loads
        || tag.has(b"href")
        || tag.has(b"xlink:href")
        || script_runs(from(text, tag.end), tag.closed)
}

/// Whether an address is a file of the page's own site. Sentences about pages show such addresses.
fn is_own_file(address: &[u8]) -> bool {
    let plain = |byte: &u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'-' | b'_' | b'~')
    };
    !address.starts_with(b"//") && address.iter().all(plain)
}

/// The name without its prefix: `svg:script` is a script too.
fn local_name(name: &[u8]) -> &[u8] {
    memchr::memchr(b':', name).map_or(name, |colon| from(name, colon + 1))
}

fn is_script_name(name: &[u8]) -> bool {
    // After a form feed or a broken character, the name goes on in some browsers and ends in others.
    begins(name, b"script")
        && !at(name, 6).is_ascii_alphanumeric()
        && !matches!(at(name, 6), b'-' | b'_')
}

/// Whether the content of a script element is script, and not the rest of a sentence that names the element.
fn script_runs(rest: &[u8], closed: bool) -> bool {
    let rest = rest.get(..rest.len().min(MAX_ELEMENT)).unwrap_or(rest);
    let end = find(rest, b"</script").unwrap_or(rest.len());
    let inside = rest.get(..end).unwrap_or(rest);
    if end == rest.len() {
        // The element does not end here. It runs if the page ends it and its beginning is script.
        return script::begins_script(inside) || !closed && inside.contains(&b'(');
    }
    let calls = inside.windows(2).any(|pair| matches!(pair, [name, b'(' | b'`' | b'['] if name.is_ascii_alphanumeric() || matches!(name, b'_' | b'$' | b')' | b']' | b'"' | b'\'')));
    let assigns = memchr::memchr(b'=', inside).is_some_and(|place| {
        let target = inside.get(..place).unwrap_or_default().trim_ascii_end();
        target
            .last()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b']'))
    });
    calls
        || (assigns && memchr::memchr(b'<', inside).is_none())
        || memchr::memmem::find(inside, b"![]").is_some()
}

fn attribute_runs(name: &[u8], value: &[u8]) -> bool {
    let shown = trim(value);
    if is_handler(name) {
        // In JSX, `onClick={() => …}` is no script to HTML: it reads a block that never ends.
        return !shown.is_empty() && (at(shown, 0) != b'{' || shown.contains(&b'}'));
    }
    let value = entities_decoded(value);
    // Older browsers split attributes at a slash.
    if find(&value, b"/on").is_some_and(|place| {
        let rest = from(&value, place + 1);
        rest.iter()
            .position(|byte| *byte == b'=')
            .is_some_and(|end| is_handler(rest.get(..end).unwrap_or_default()))
    }) {
        return true;
    }
    if is_script_address(&value) {
        // These attributes are shown as text and never followed.
        return !name.eq_ignore_ascii_case(b"alt") && !name.eq_ignore_ascii_case(b"title");
    }
    if name.eq_ignore_ascii_case(b"srcdoc") {
        // `srcdoc` is a whole document, so any tag in it counts.
        return value.contains(&b'<');
    }
    if name.eq_ignore_ascii_case(b"style") || name.eq_ignore_ascii_case(b"background") {
        return style_runs(&value);
    }
    if name.eq_ignore_ascii_case(b"values")
        || name.eq_ignore_ascii_case(b"srcset")
        || name.eq_ignore_ascii_case(b"content")
    {
        return find(&value, b"javascript:").is_some();
    }
    false
}

/// Whether a name is the name of an event handler, such as `onclick`. A quote may stand before it.
fn is_handler(name: &[u8]) -> bool {
    let name = name
        .strip_prefix(b"\"")
        .or_else(|| name.strip_prefix(b"'"))
        .or_else(|| name.strip_prefix(b"`"))
        .unwrap_or(name);
    let letters = name
        .iter()
        .take_while(|byte| byte.is_ascii_alphabetic())
        .count();
    begins(name, b"on") && (5..=32).contains(&letters) && letters == name.len()
}

fn style_runs(style: &[u8]) -> bool {
    let plain = without_comments(style);
    [
        &b"expression("[..],
        b"javascript:",
        b"vbscript:",
        b"-moz-binding",
        b"behavior:",
        b"behaviour:",
        b"@import",
    ]
    .iter()
    .any(|wanted| find(&plain, wanted).is_some())
}

/// A style without comments and backslashes, which hide words from filters and which browsers skip.
fn without_comments(style: &[u8]) -> Cow<'_, [u8]> {
    if memchr::memchr2(b'*', b'\\', style).is_none() {
        return Cow::Borrowed(style);
    }
    let mut out = Vec::with_capacity(style.len());
    let mut place = 0;
    while place < style.len() {
        let rest = from(style, place);
        if rest.starts_with(b"/*") {
            place += memchr::memmem::find(rest, b"*/").map_or(rest.len(), |end| end + 2);
        } else {
            if at(rest, 0) != b'\\' {
                out.push(at(rest, 0));
            }
            place += 1;
        }
    }
    Cow::Owned(out)
}

/// Whether a quote and then a handler follow each other, as in `" onmouseover=…`.
fn has_handler_behind_quote(value: &[u8], code: &Code) -> bool {
    // Internet Explorer took a backtick for a quote.
    for quote in memchr::memchr3_iter(b'"', b'\'', b'`', value) {
        let mut place = quote + 1;
        while is_blank(at(value, place)) || matches!(at(value, place), b'/' | b'>') {
            place += 1;
        }
        // A few attributes without a value may stand between them.
        for _ in 0..4 {
            let start = place;
            while at(value, place).is_ascii_alphabetic() {
                place += 1;
            }
            let name = value.get(start..place).unwrap_or_default();
            if name.is_empty() {
                break;
            }
            let behind = skip_blank(value, place);
            if is_handler(name) && at(value, behind) == b'=' && behind - place <= 8 {
                let value_start = skip_blank(value, behind + 1);
                let calls = from(value, value_start)
                    .iter()
                    .take(512)
                    .any(|byte| matches!(byte, b'(' | b'`' | b'='));
                if calls && !code.has(quote) {
                    return true;
                }
            }
            if !is_blank(at(value, place))
                || !(name.eq_ignore_ascii_case(b"autofocus")
                    || name.eq_ignore_ascii_case(b"open")
                    || name.eq_ignore_ascii_case(b"hidden"))
            {
                break;
            }
            place = behind;
        }
    }
    false
}

/// Whether a Markdown link or an address runs script: `](javascript:…)`, `javascript:alert(1)`.
fn has_script_link(value: &[u8], code: &Code) -> bool {
    has_markdown_script(value, code)
        || has_document_address(value, code)
        || has_script_address(value, code)
}

/// Whether the target of a Markdown link is a script.
fn has_markdown_script(value: &[u8], code: &Code) -> bool {
    let mut place = 0;
    let mut links = 0;
    while let Some(found) = memchr::memmem::find(from(value, place), b"](") {
        let start = place + found + 2;
        place = start;
        let first = at(value, start).to_ascii_lowercase();
        // Only targets that may begin with a script's scheme are decoded; most links begin with `h` or `/`.
        if !(matches!(first, b'j' | b'v' | b'l' | b'd' | b'&' | b'%' | b'<') || first <= b' ') {
            continue;
        }
        links += 1;
        if links > MAX_LINKS {
            return true;
        }
        let target = from(value, start);
        let target = target.get(..target.len().min(256)).unwrap_or(target);
        let decoded = entities_decoded(target);
        let address = skip_blank(&decoded, usize::from(at(&decoded, 0) == b'<'));
        if !code.has(start)
            && (is_script_address(from(&decoded, address))
                || is_script_address(&super::text::percent_decoded(&decoded).unwrap_or_default()))
        {
            return true;
        }
    }
    false
}

/// Whether an address contains a document: `data:text/html,<…`.
fn has_document_address(value: &[u8], code: &Code) -> bool {
    const SCHEME: &[u8] = b"data:text/html";
    find(value, SCHEME).is_some_and(|place| {
        let rest = from(value, place + SCHEME.len());
        !code.has(place)
            && (begins(rest, b";base64,")
                || rest.starts_with(b",<")
                || begins(rest, b",%3c")
                || begins(rest, b";charset"))
    })
}

/// Whether a call follows `javascript:`.
fn has_script_address(value: &[u8], code: &Code) -> bool {
    let mut place = 0;
    while let Some(found) = find(from(value, place), b"script:") {
        let start = place + found;
        place = start + 7;
        let scheme = start
            .checked_sub(4)
            .is_some_and(|begin| begins(from(value, begin), b"java"));
        if scheme
            && !code.has(start)
            && (script::is_call(value, skip_blank(value, place))
                || before(value, start - 4) == b'<')
        {
            return true;
        }
    }
    false
}

/// Whether there is script in the few characters of `JSFuck`, in UTF-7, or in bytes above 127 that old browsers read as
/// ASCII.
fn is_encoded_script(value: &[u8]) -> bool {
    if memchr::memmem::find(value, b"+ADw-").is_some() || is_brackets(value) {
        return true;
    }
    // Server-side includes and entities that read files run on the server.
    let directives = [
        &b"<!--#exec"[..],
        b"<!--#include",
        b"<!--#set",
        b"<!--#echo",
    ];
    let mut directives = directives.iter();
    if directives.any(|directive| find(value, directive).is_some()) {
        return true;
    }
    if find(value, b"<!entity").is_some_and(|place| {
        let rest = from(value, place);
        let rest = rest.get(..rest.len().min(256)).unwrap_or(rest);
        find(rest, b"system").is_some() || find(rest, b"public").is_some()
    }) {
        return true;
    }
    let high = find(value, b"\xbcscript").or_else(|| find(value, b"\xbc/script"));
    high.is_some() && memchr::memchr(0xbe, value).is_some()
}

/// Whether there is a long run of brackets and signs, as in `JSFuck`.
fn is_brackets(value: &[u8]) -> bool {
    let (mut run, mut signs, mut brackets) = (0, 0, 0);
    for byte in value {
        if matches!(byte, b'[' | b']' | b'(' | b')' | b'!' | b'+') {
            run += 1;
            signs += usize::from(matches!(byte, b'!' | b'+'));
            // A line of plus signs underlines a heading or counts additions. Without brackets it is no script.
            brackets += usize::from(matches!(byte, b'[' | b']'));
            if run >= 24 && signs >= 6 && brackets >= 4 {
                return true;
            }
        } else if !is_blank(*byte) {
            (run, signs, brackets) = (0, 0, 0);
        }
    }
    false
}
