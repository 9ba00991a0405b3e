//! What a call or an answer does that its contract does not allow: where, what, and at which place. Never a value.

use std::fmt;

use smol_str::SmolStr;

/// Violations that are kept. More say nothing more about a call.
pub const MAX_VIOLATIONS: usize = 16;

/// Bytes of a pointer or a name that are kept.
const MAX_POINTER_BYTES: usize = 160;

/// Bytes of a name that the caller chose.
const MAX_NAME_BYTES: usize = 64;

/// Digits in a row in a name that the caller chose; a year has four.
const MAX_DIGITS: usize = 4;

/// Which of the two messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// What the caller sent.
    Request,
    /// What the API answered.
    Response,
}

impl Direction {
    /// `request` or `response`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// The part of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// The message as a whole: its endpoint, status, media type, credentials.
    Message,
    /// A parameter of the path.
    Path,
    /// A parameter of the query.
    Query,
    /// A header.
    Header,
    /// A cookie.
    Cookie,
    /// The body.
    Body,
}

impl Part {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Message => "",
            Self::Path => "path/",
            Self::Query => "query/",
            Self::Header => "header/",
            Self::Cookie => "cookie/",
            Self::Body => "body/",
        }
    }
}

macro_rules! codes {
    ($($(#[doc = $doc:expr])+ $name:ident = $code:literal),+ $(,)?) => {
        /// What is wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code, for documents and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable name.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)+
                }
            }
        }
    };
}

codes! {
    /// Another JSON type than the schema's, or a text that cannot be read as it (`type`).
    Type = "type",
    /// Something that must be there is missing (`required`, `dependentRequired`, a body, a parameter).
    Required = "required",
    /// Something that the contract does not name.
    Unknown = "unknown",
    /// Not one of the values (`enum`, `const`, `x-starfort-hashes`).
    Enum = "enum",
    /// Not of the format (`format`).
    Format = "format",
    /// Does not match the expression (`pattern`).
    Pattern = "pattern",
    /// Too short or too long a string (`minLength`, `maxLength`).
    Length = "length",
    /// A character of a class that the strings here never have (`x-starfort-characters`).
    Characters = "characters",
    /// Too small or too large a number (`minimum`, `exclusiveMaximum` …).
    Range = "range",
    /// Not a multiple (`multipleOf`).
    Multiple = "multiple",
    /// Too few or too many items or members (`minItems`, `maxProperties` …).
    Count = "count",
    /// Equal items (`uniqueItems`).
    Unique = "unique",
    /// Too few or too many items of a kind (`contains`).
    Contains = "contains",
    /// A name of a member that is not allowed (`propertyNames`).
    Name = "name",
    /// None of the alternatives fits (`anyOf`, `oneOf`).
    Alternative = "alternative",
    /// More than one alternative fits where just one may (`oneOf`).
    Ambiguous = "ambiguous",
    /// What must not be there (`not`, the schema `false`).
    Forbidden = "forbidden",
    /// A field that only answers have (`readOnly`).
    ReadOnly = "read_only",
    /// A field that only requests have (`writeOnly`).
    WriteOnly = "write_only",
    /// A parameter that stands once came several times.
    Repeated = "repeated",
    /// Cannot be read as what its media type or style says.
    Malformed = "malformed",
    /// Its end is missing: more than the limit, or the stream ended.
    Truncated = "truncated",
    /// Too many or too deep values, or too much work, to be checked to the end.
    Limit = "limit",
    /// A media type that the contract does not name.
    ContentType = "content_type",
    /// A status that the contract does not name.
    Status = "status",
    /// No alternative of the credentials asked for is there.
    Security = "security",
    /// No endpoint of the contract.
    Endpoint = "endpoint",
    /// An endpoint of the contract with a method that it does not name.
    Method = "method",
}

/// One violation. Its text is `request:body/type:/items/*/price`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which message.
    pub direction: Direction,
    /// Which part of it.
    pub part: Part,
    /// What is wrong.
    pub code: Code,
    /// Of a body: a JSON pointer, with `*` for the items of a list and for names that no schema has. Of a parameter: its
    /// name. Otherwise "".
    pub pointer: SmolStr,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (direction, part) = (self.direction.code(), self.part.prefix());
        write!(f, "{direction}:{part}{}:{}", self.code.code(), self.pointer)
    }
}

impl Violation {
    /// Where and what without the place: `body/type`.
    #[must_use]
    pub fn kind(&self) -> SmolStr {
        smol_str::format_smolstr!("{}{}", self.part.prefix(), self.code.code())
    }
}

/// Violations, each once, in the order of being found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Violations {
    kept: Vec<Violation>,
    dropped: u32,
}

impl Violations {
    /// Adds one, unless it is known or there are [`MAX_VIOLATIONS`].
    pub fn add(&mut self, violation: Violation) {
        if self.kept.contains(&violation) {
            return;
        }
        if self.kept.len() < MAX_VIOLATIONS {
            self.kept.push(violation);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Those that are kept.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Violation> {
        self.kept.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Whether no other one is kept.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.kept.len() >= MAX_VIOLATIONS
    }

    /// How many were found beyond those that are kept.
    #[must_use]
    pub const fn dropped(&self) -> u32 {
        self.dropped
    }
}

/// A name that the caller chose, as far as it can be shown: a plain word, else `?`.
///
/// Callers put values into names too (`{"ann@example.com": …}`), so a name with other characters, a long one, and one with
/// many digits in a row is not shown.
#[must_use]
pub fn plain_name(name: &str) -> SmolStr {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.$[]".contains(&byte);
    let mut digits = 0;
    let has_long_number = name.bytes().any(|byte| {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        digits > MAX_DIGITS
    });
    if name.len() > MAX_NAME_BYTES || has_long_number || !name.bytes().all(is_plain) {
        return SmolStr::new_static("?");
    }
    name.into()
}

/// Adds a segment to a JSON pointer (RFC 6901, 3), as long as there is room.
pub(crate) fn push_segment(pointer: &mut String, segment: &str) {
    if pointer.ends_with('…') {
        return;
    }
    if pointer.len() + segment.len() > MAX_POINTER_BYTES {
        pointer.push_str("/…");
        return;
    }
    pointer.push('/');
    for character in segment.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            // A line break in a document's name would break the lists in which pointers are shown.
            control if control.is_control() => pointer.push('?'),
            other => pointer.push(other),
        }
    }
}
