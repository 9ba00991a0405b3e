//! The body processors of `SecLang`.

use crate::http::body::BodyKind;
use crate::http::content_type;

/// How rules want a body to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Processor {
    UrlEncoded,
    Multipart,
    Xml,
    Json,
}

impl Processor {
    /// The processor with the name that `ctl:requestBodyProcessor` uses.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "URLENCODED" => Self::UrlEncoded,
            "MULTIPART" => Self::Multipart,
            "XML" => Self::Xml,
            "JSON" => Self::Json,
            _ => return None,
        })
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::UrlEncoded => "URLENCODED",
            Self::Multipart => "MULTIPART",
            Self::Xml => "XML",
            Self::Json => "JSON",
        }
    }

    /// The format that the processor reads.
    pub(crate) const fn format(self) -> BodyKind {
        match self {
            Self::UrlEncoded => BodyKind::Form,
            Self::Multipart => BodyKind::Multipart,
            Self::Xml => BodyKind::Xml,
            Self::Json => BodyKind::Json,
        }
    }

    /// The processor that the engine chooses by itself. XML and JSON are chosen by rules, as in `ModSecurity`.
    pub(crate) fn of(content_type: &[u8]) -> Option<Self> {
        let essence = content_type::essence(std::str::from_utf8(content_type).ok()?);
        if essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            Some(Self::UrlEncoded)
        } else if essence.eq_ignore_ascii_case("multipart/form-data") {
            Some(Self::Multipart)
        } else {
            None
        }
    }
}
