//! What an operator captured, for `capture`.

/// Groups that `capture` keeps (`TX:0` to `TX:9`).
pub(crate) const MAX_CAPTURES: usize = 10;

/// What an operator captured.
pub type Captures = Vec<Vec<u8>>;

/// Puts one capture.
pub(super) fn capture_one(captures: Option<&mut Captures>, text: &[u8]) {
    if let Some(captures) = captures {
        captures.push(text.to_vec());
    }
}
