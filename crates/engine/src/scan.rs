//! The sensitive stage as the pipeline uses it: which classes a body or path has, and masking.

use crate::bundle::Limits;
use crate::error::EngineError;
use crate::http::decompress::{self, Decompressed};
use crate::sensitive::{Class, ClassSet, Detectors, mask_json};

/// The bundle's detectors.
#[derive(Debug)]
pub(crate) struct Scanner {
    detectors: Detectors,
}

/// What a scan found, without the values.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) classes: Vec<&'static str>,
    pub(crate) count: u32,
}

impl Scanner {
    pub(crate) fn new(classes: &[String]) -> Result<Self, EngineError> {
        let detectors = Detectors::new(classes).map_err(|error| {
            EngineError::invalid(
                "sensitive_classes",
                format!("unknown class {:?}", error.name),
            )
        })?;
        Ok(Self { detectors })
    }

    /// Whether anything is looked for.
    pub(crate) fn is_on(&self) -> bool {
        !self.detectors.enabled().is_empty()
    }

    /// Look through a body; JSON escapes hide nothing.
    pub(crate) fn scan(&self, body: &[u8]) -> Found {
        if !self.is_on() || body.is_empty() {
            return Found::default();
        }
        let scan = self.detectors.scan_json(body);
        Found {
            classes: scan.classes.codes().collect(),
            count: scan.count,
        }
    }

    /// A response body without its content encoding, bounded by the limits. `is_read`: others than the detectors read it.
    pub(crate) fn plain<'a>(
        &self,
        encoding: Option<&str>,
        body: &'a [u8],
        truncated: bool,
        limits: &Limits,
        is_read: bool,
    ) -> Decompressed<'a> {
        // Without detectors nothing looks at the text, so it need not be decompressed, unless others read it.
        let encoding = encoding.filter(|_| self.is_on() || is_read);
        decompress::decompress(encoding, body, truncated, limits)
    }

    /// The body with values of the classes masked (all that are looked for when none is named).
    pub(crate) fn mask(&self, body: &[u8], classes: &[Box<str>]) -> Option<Vec<u8>> {
        let named = classes.iter().filter_map(|class| Class::from_code(class));
        let wanted = if classes.is_empty() {
            ClassSet::ALL
        } else {
            named.fold(ClassSet::NONE, ClassSet::with)
        };
        mask_json(body, &self.detectors, wanted).map(|masked| masked.body)
    }
}
