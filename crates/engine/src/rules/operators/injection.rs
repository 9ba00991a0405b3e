//! `detectSQLi`, `detectXSS`: libinjection.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::super::bytes::ByteSet;
use super::{Captures, capture_one};

/// A value without any of these is one bare word or number, which is no SQL injection to libinjection.
pub(crate) const SQLI_NEEDS: ByteSet = ByteSet::range(b'0', b'9')
    .union(ByteSet::range(b'a', b'z'))
    .union(ByteSet::range(b'A', b'Z'))
    .union(ByteSet::of(b"_"))
    .complement();

/// libinjection finds XSS in tags, comments and attribute values only: none without one of these.
pub(crate) const XSS_NEEDS: ByteSet = ByteSet::of(b"<=");

/// SQL injection; captures the fingerprint. The library indexes slices; should that ever panic, the value counts as
/// an attack.
pub(crate) fn sqli(value: &[u8], captures: Option<&mut Captures>) -> bool {
    if !SQLI_NEEDS.meets(ByteSet::present(value)) {
        return false;
    }
    let found = catch_unwind(AssertUnwindSafe(|| {
        let result = libinjectionrs::detect_sqli(value);
        result.is_injection().then(|| {
            result
                .fingerprint
                .as_ref()
                .map(|fingerprint| fingerprint.as_str().as_bytes().to_vec())
                .unwrap_or_default()
        })
    }));
    match found {
        Ok(None) => false,
        Ok(Some(fingerprint)) => {
            capture_one(captures, &fingerprint);
            true
        }
        Err(_) => true,
    }
}

/// XSS; captures the value.
pub(crate) fn xss(value: &[u8], captures: Option<&mut Captures>) -> bool {
    if !XSS_NEEDS.meets(ByteSet::present(value)) {
        return false;
    }
    let found = catch_unwind(AssertUnwindSafe(|| libinjectionrs::detect_xss(value).is_injection()));
    let found = found.unwrap_or(true);
    if found {
        capture_one(captures, value);
    }
    found
}
