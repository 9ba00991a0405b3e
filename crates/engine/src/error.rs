//! Everything that can go wrong when an engine is made, with stable codes.
//!
//! Nothing here happens per request: what a request can do wrong is an anomaly or a finding.

use std::fmt;

/// Why a bundle or its assets were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineError {
    /// The file does not begin as a bundle does, or is shorter than its header says.
    BundleTruncated {
        /// How many bytes there are.
        got: usize,
        /// How many bytes there should be at least.
        expected: usize,
    },
    /// The first bytes are not [`crate::bundle::MAGIC`].
    BundleMagic,
    /// Written for another format of the payload.
    BundleFormat {
        /// Format of the file.
        got: u32,
        /// Format this engine reads.
        expected: u32,
    },
    /// The payload does not have the SHA-256 that the header promises.
    BundleChecksum,
    /// The payload is not the `MessagePack` map that it should be.
    BundleDecode {
        /// What the decoder said; names fields, never values.
        detail: String,
    },
    /// The payload decodes but contradicts itself.
    BundleInvalid {
        /// Which part.
        part: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A `MaxMind` database cannot be read.
    GeoDatabase {
        /// `country` or `asn`.
        which: &'static str,
        /// What the reader said.
        detail: String,
    },
}

impl EngineError {
    /// Codes of all variants, for documentation and tests.
    pub const CODES: &'static [&'static str] = &[
        "bundle_truncated",
        "bundle_magic",
        "bundle_format",
        "bundle_checksum",
        "bundle_decode",
        "bundle_invalid",
        "geo_database",
    ];

    /// Stable snake-case code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BundleTruncated { .. } => "bundle_truncated",
            Self::BundleMagic => "bundle_magic",
            Self::BundleFormat { .. } => "bundle_format",
            Self::BundleChecksum => "bundle_checksum",
            Self::BundleDecode { .. } => "bundle_decode",
            Self::BundleInvalid { .. } => "bundle_invalid",
            Self::GeoDatabase { .. } => "geo_database",
        }
    }

    pub(crate) fn invalid(part: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::BundleInvalid {
            part: part.into(),
            detail: detail.into(),
        }
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BundleTruncated { got, expected } => {
                write!(
                    formatter,
                    "the bundle has {got} bytes, expected at least {expected}"
                )
            }
            Self::BundleMagic => write!(formatter, "not a Starfort bundle"),
            Self::BundleFormat { got, expected } => {
                write!(
                    formatter,
                    "the bundle has format {got}, this engine reads {expected}"
                )
            }
            Self::BundleChecksum => write!(
                formatter,
                "the bundle's checksum does not match its content"
            ),
            Self::BundleDecode { detail } => {
                write!(formatter, "the bundle cannot be decoded: {detail}")
            }
            Self::BundleInvalid { part, detail } => {
                write!(formatter, "{part} of the bundle: {detail}")
            }
            Self::GeoDatabase { which, detail } => {
                write!(formatter, "the {which} database cannot be read: {detail}")
            }
        }
    }
}

impl std::error::Error for EngineError {}
