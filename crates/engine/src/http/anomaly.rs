//! Oddities that parsers found, each with a stable code. An anomaly is a finding: policies decide on it.

/// Declares [`Anomaly`] once: variant, stable code, meaning.
macro_rules! anomalies {
    ($($(#[$doc:meta])* $variant:ident = $code:literal,)+) => {
        /// One oddity of a request. The codes are stable: policies, events and docs use them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Anomaly {
            $($(#[$doc])* $variant,)+
        }

        impl Anomaly {
            /// Every anomaly, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The stable `snake_case` code.
            pub const fn code(self) -> &'static str {
                match self {
                    $(Self::$variant => $code,)+
                }
            }
        }
    };
}

anomalies! {
    /// The path has a `..` segment (plain, encoded, or before a `;` parameter).
    PathTraversal = "path_traversal",
    /// The path still holds a percent escape after one decoding.
    PathDoubleEncoding = "path_double_encoding",
    /// The decoded path is not UTF-8; the odd bytes were replaced.
    PathInvalidUtf8 = "path_invalid_utf8",
    /// The path holds a NUL byte.
    PathNul = "path_nul",
    /// The path holds another control character.
    PathControlCharacter = "path_control_character",
    /// The path holds `%2F`, which some servers take for a separator and some do not.
    PathEncodedSlash = "path_encoded_slash",
    /// The path holds a backslash, plain (taken for a slash) or encoded (a separator to some servers).
    PathBackslash = "path_backslash",
    /// A `%` in the path is not followed by two hexadecimal digits (`%u002e` is one such).
    PathBadEscape = "path_bad_escape",
    /// A `;` parameter in the path stands where none belongs: in a segment that is empty or dots otherwise, or in one
    /// that the endpoint's template fixes.
    PathParameterMisplaced = "path_parameter_misplaced",
    /// Path and query together are longer than `uri_bytes`; the rest was not read.
    UriOverLimit = "uri_over_limit",
    /// The decoded query is not UTF-8.
    QueryInvalidUtf8 = "query_invalid_utf8",
    /// A `%` in the query is not followed by two hexadecimal digits.
    QueryBadEscape = "query_bad_escape",
    /// A query or form parameter, or multipart field, came more than once (names that end in `[]` may).
    DuplicateParameter = "duplicate_parameter",
    /// More parameters in the query than the limit; the rest was counted, not kept.
    QueryParametersOverLimit = "query_parameters_over_limit",
    /// More cookies than the limit; the rest was counted, not kept.
    CookiesOverLimit = "cookies_over_limit",
    /// More parameters in the body than the limit; the rest was counted, not kept.
    ParametersOverLimit = "parameters_over_limit",
    /// A parameter's name is longer than the engine keeps; it was cut.
    ParameterNameOverLimit = "parameter_name_over_limit",
    /// A cookie came more than once.
    DuplicateCookie = "duplicate_cookie",
    /// A cookie is not UTF-8 or has no name.
    MalformedCookie = "malformed_cookie",
    /// A header that must be single came more than once (`Host`, `Content-Length`, `Authorization` …).
    DuplicateHeader = "duplicate_header",
    /// A header name or value with characters that HTTP does not allow, or both `Content-Length` and
    /// `Transfer-Encoding`.
    OddHeader = "odd_header",
    /// A header's value is longer, or headers are more, than the limit.
    HeaderOverLimit = "header_over_limit",
    /// The body is longer than the part of it that is inspected.
    BodyOverLimit = "body_over_limit",
    /// A file is longer than what is held; it passed without being looked at, or was refused.
    FileOverLimit = "file_over_limit",
    /// JSON, XML or GraphQL is nested deeper than the limit.
    DepthOverLimit = "depth_over_limit",
    /// The body is declared as JSON, but is not valid JSON.
    MalformedJson = "malformed_json",
    /// A JSON object has the same key twice; parsers differ in which one counts.
    DuplicateJsonKey = "duplicate_json_key",
    /// The values of such a key differ.
    ConflictingJsonKey = "conflicting_json_key",
    /// A form body with bad percent escapes.
    MalformedForm = "malformed_form",
    /// A multipart body without a usable boundary, with broken part headers, or cut short.
    MalformedMultipart = "malformed_multipart",
    /// More parts than the limit.
    MultipartPartsOverLimit = "multipart_parts_over_limit",
    /// The headers of a part are longer than the limit.
    PartHeadersOverLimit = "part_headers_over_limit",
    /// A part of a multipart body is in base64 or quoted-printable; it was inspected as sent and decoded.
    EncodedPart = "encoded_part",
    /// A part of a multipart body has several names, of which servers will not take the same, or its file name is in a
    /// form that only some of them read.
    FileNameMismatch = "file_name_mismatch",
    /// The body is declared as XML, but is not well-formed.
    MalformedXml = "malformed_xml",
    /// The XML has a document type declaration.
    XmlDoctype = "xml_doctype",
    /// The XML declares entities, or uses one that is not predefined.
    XmlEntity = "xml_entity",
    /// Entities of the XML stand for more text than is expanded, or for themselves (billion laughs).
    XmlEntityOverLimit = "xml_entity_over_limit",
    /// The XML names an external entity or document type (`SYSTEM`, `PUBLIC`) other than one of the W3C's.
    XmlExternalEntity = "xml_external_entity",
    /// The body is declared as GraphQL, but is not an executable document.
    MalformedGraphql = "malformed_graphql",
    /// A `Content-Encoding` that the engine cannot undo; the body was not inspected.
    UnsupportedEncoding = "unsupported_encoding",
    /// The compressed body is damaged; what could be undone was inspected.
    MalformedCompression = "malformed_compression",
    /// The body grows past the size or ratio limit; the rest was not inspected.
    DecompressionOverLimit = "decompression_over_limit",
    /// The body is clearly of another kind than its `Content-Type` says.
    ContentTypeMismatch = "content_type_mismatch",
    /// There is a body but no `Content-Type`.
    ContentTypeMissing = "content_type_missing",
    /// The `Content-Type` is malformed.
    ContentTypeMalformed = "content_type_malformed",
    /// A charset that the engine does not know; the body was read as UTF-8.
    CharsetUnsupported = "charset_unsupported",
    /// The text is in a charset other than UTF-8; it was converted.
    CharsetNotUtf8 = "charset_not_utf8",
    /// Text in the body is not valid in its charset.
    InvalidUtf8 = "invalid_utf8",
    /// Looking at the request costs more than the limit allows; rules stopped, and did not look at all of it.
    WorkOverLimit = "work_over_limit",
    /// ASCII characters are written in more bytes of UTF-8 than they need, which only an attacker who hides them does.
    OverlongUtf8 = "overlong_utf8",
    /// ASCII characters as `%u00HH`, which no encoder writes.
    PercentUnicodeEscape = "percent_unicode_escape",
    /// Base64 or hexadecimal digits hide further Base64 or hexadecimal digits.
    NestedEncoding = "nested_encoding",
    /// Values within values are more than are decoded; the rest was inspected as it is.
    DecodingOverLimit = "decoding_over_limit",
    /// The body came more slowly, or took longer, than its pace allows.
    SlowBody = "slow_body",
    /// The name of a header has an underscore, which CGI and WSGI take for a hyphen. Seen only where
    /// `connections.headers_with_underscores` is `allow`.
    HeaderUnderscore = "header_underscore",
}

/// A set of [`Anomaly`], one bit each.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Anomalies(u64);

const fn bit(anomaly: Anomaly) -> u64 {
    1 << anomaly as u8
}

// A 65th anomaly needs a wider set: fail the build, not the request.
const _: () = assert!(Anomaly::ALL.len() <= 64);

impl Anomalies {
    /// The empty set.
    pub const NONE: Self = Self(0);

    /// Adds one.
    pub const fn insert(&mut self, anomaly: Anomaly) {
        self.0 |= 1 << anomaly as u8;
    }

    /// Takes one out.
    pub const fn remove(&mut self, anomaly: Anomaly) {
        self.0 &= !bit(anomaly);
    }

    /// Adds one when `condition` holds.
    pub const fn insert_if(&mut self, condition: bool, anomaly: Anomaly) {
        if condition {
            self.insert(anomaly);
        }
    }

    /// The anomalies that mean that a part of the request is beyond a limit.
    // Without `FileOverLimit`: files have a setting of their own, and a file that is refused gets `BodyOverLimit` too.
    pub const OVER_LIMIT: Self = Self(
        bit(Anomaly::UriOverLimit)
            | bit(Anomaly::HeaderOverLimit)
            | bit(Anomaly::QueryParametersOverLimit)
            | bit(Anomaly::CookiesOverLimit)
            | bit(Anomaly::ParametersOverLimit)
            | bit(Anomaly::ParameterNameOverLimit)
            | bit(Anomaly::BodyOverLimit)
            | bit(Anomaly::DepthOverLimit)
            | bit(Anomaly::MultipartPartsOverLimit)
            | bit(Anomaly::PartHeadersOverLimit)
            | bit(Anomaly::DecompressionOverLimit)
            | bit(Anomaly::DecodingOverLimit)
            | bit(Anomaly::WorkOverLimit),
    );

    /// The anomalies that are in both sets.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Adds all of `other`.
    pub const fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether `anomaly` is in the set.
    #[must_use]
    pub const fn contains(self, anomaly: Anomaly) -> bool {
        self.0 & (1 << anomaly as u8) != 0
    }

    /// Whether the set is empty.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// How many anomalies are in the set.
    #[must_use]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// The members, in the order of [`Anomaly::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Anomaly> {
        Anomaly::ALL
            .iter()
            .copied()
            .filter(move |anomaly| self.contains(*anomaly))
    }

    /// The members' codes, in the order of [`Anomaly::ALL`].
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        self.iter().map(Anomaly::code)
    }
}

impl FromIterator<Anomaly> for Anomalies {
    fn from_iter<I: IntoIterator<Item = Anomaly>>(anomalies: I) -> Self {
        let mut set = Self::NONE;
        for anomaly in anomalies {
            set.insert(anomaly);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Codes are unique, `snake_case`, and every member of a set is found again.
    #[test]
    fn codes_are_stable_names() {
        let mut seen = std::collections::BTreeSet::new();
        for (index, anomaly) in Anomaly::ALL.iter().enumerate() {
            assert_eq!(*anomaly as usize, index);
            let code = anomaly.code();
            assert!(
                code.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{code}"
            );
            assert!(seen.insert(code), "{code} twice");
        }
        let all: Anomalies = Anomaly::ALL.iter().copied().collect();
        assert_eq!(all.len() as usize, Anomaly::ALL.len());
        assert_eq!(all.codes().count(), Anomaly::ALL.len());
        assert!(Anomalies::NONE.is_empty() && !Anomalies::NONE.contains(Anomaly::PathNul));
    }
}
