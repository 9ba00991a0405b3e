//! `application/x-www-form-urlencoded` bodies.

use super::Anomaly;
use super::listener::Listener;
use super::pairs;

/// Tells `listener` of a form's pairs.
///
/// # Arguments
/// * `separator` - what is between pairs: `&`, unless rules say otherwise (`SecArgumentSeparator`).
pub fn read<L: Listener>(body: &[u8], separator: u8, listener: &mut L) {
    if pairs::read(body, separator, listener) {
        listener.anomaly(Anomaly::MalformedForm);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::BodyKind;
    use crate::http::collect::collected;
    use crate::http::{Limits, Location};

    /// A form gives body parameters, and its oddities have the form's names.
    #[test]
    fn forms() {
        let form = b"user=a%40b.c&password=p+w&x=%zz&y=%ff";
        let (parameters, found) = collected(BodyKind::Form, &Limits::default(), |collect| {
            read(form, b'&', collect);
        });
        assert_eq!(parameters.get(Location::Body, "user"), Some("a@b.c"));
        assert_eq!(parameters.get(Location::Body, "password"), Some("p w"));
        assert_eq!(
            found.codes().collect::<Vec<_>>(),
            ["malformed_form", "invalid_utf8"]
        );
    }
}
