//! The captures of an operator, for the action `capture`.

/// How many groups `capture` keeps (`TX:0` to `TX:9`).
pub(crate) const MAX_CAPTURES: usize = 10;

/// The captures of an operator, in order.
pub type Captures = Vec<Vec<u8>>;

/// Adds one capture, if captures are wanted.
pub(super) fn capture_one(captures: Option<&mut Captures>, text: &[u8]) {
    if let Some(captures) = captures {
        captures.push(text.to_vec());
    }
}
