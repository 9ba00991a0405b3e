//! The names that servers read from the parameters of a `Content-Disposition`: plain ones, of RFC 5987 (`name*=`), in
//! pieces of RFC 2231 (`name*0=`, `name*1*=`), and encoded words of RFC 2047.

use super::part::Flags;
use super::transfer::base64;
use crate::http::{charset, percent};

/// Pieces of a name that are joined. A header has 8 KiB, so there are no more that matter.
const MAX_PIECES: usize = 256;

/// A parameter's value, in every form in which it came.
#[derive(Debug, Default)]
pub(super) struct Names {
    plain: Vec<Vec<u8>>,
    extended: Vec<Vec<u8>>,
    /// Number, whether it is percent-encoded, and text.
    pieces: Vec<(u32, bool, Vec<u8>)>,
    is_repeated: bool,
}

impl Names {
    /// A parameter of this name.
    ///
    /// # Arguments
    /// * `form` - what follows the name in the parameter's own: "", `*`, `*0`, `*0*`. Anything else is another name.
    /// * `readings` - its value, the likeliest first.
    pub(super) fn add(&mut self, form: &[u8], readings: Vec<Vec<u8>>, flags: &mut Flags) {
        let first = || readings.first().cloned().unwrap_or_default();
        match form {
            b"" => {
                self.is_repeated |= !self.plain.is_empty();
                self.plain.extend(readings);
            }
            b"*" => {
                self.is_repeated |= !self.extended.is_empty();
                self.extended.push(extended(&first()));
            }
            [b'*', number @ ..] => {
                let (number, is_encoded) = number
                    .strip_suffix(b"*")
                    .map_or((number, false), |number| (number, true));
                let number = std::str::from_utf8(number)
                    .ok()
                    .and_then(|number| number.parse().ok());
                match number {
                    Some(number) if self.pieces.len() < MAX_PIECES => {
                        self.pieces.push((number, is_encoded, first()));
                    }
                    _ => flags.complain("Multipart: Invalid Content-Disposition header (-4)."),
                }
            }
            _ => {}
        }
    }

    /// Whether there is one that every server reads.
    pub(super) const fn has_plain(&self) -> bool {
        !self.plain.is_empty()
    }

    /// Every name that there is, the plain ones first, none twice.
    ///
    /// # Arguments
    /// * `max` - how many names are kept: of more, the first and the last ones, because servers take one of these.
    pub(super) fn finish(mut self, max: usize, flags: &mut Flags) -> Vec<Vec<u8>> {
        if self.is_repeated {
            flags.complain("Multipart: Duplicate Content-Disposition name or filename.");
        }
        let joined = self.joined();
        let words: Vec<Vec<u8>> = self.plain.iter().filter_map(|name| words(name)).collect();
        let mut names = Vec::new();
        let all = self.plain.into_iter().chain(self.extended);
        for name in all.chain(joined).chain(words) {
            if names.contains(&name) {
                continue;
            }
            // The first and the last ones stay: servers that take one of several take either of these.
            if names.len() >= max {
                flags.complain("Multipart: Duplicate Content-Disposition name or filename.");
                names.remove(max / 2);
            }
            names.push(name);
        }
        names
    }

    /// The pieces in their order.
    fn joined(&mut self) -> Option<Vec<u8>> {
        // By number, because the pieces may come in any order (RFC 2231, 3).
        self.pieces.sort_by_key(|(number, _, _)| *number);
        let (_, is_encoded, first) = self.pieces.first()?;
        let charset = label(first)
            .filter(|_| *is_encoded)
            .map(|(charset, _)| charset.to_vec());
        let mut name = Vec::new();
        for (place, (_, is_encoded, text)) in self.pieces.iter().enumerate() {
            // Only the first piece names a charset and a language (RFC 2231, 4.1).
            let text = match label(text) {
                Some((_, text)) if *is_encoded && place == 0 => text,
                _ => text,
            };
            if *is_encoded {
                push_decoded(text, &mut name);
            } else {
                name.extend_from_slice(text);
            }
        }
        Some(charset::of_label(charset.as_deref(), name))
    }
}

/// `charset'language'text`: the charset and the text.
fn label(value: &[u8]) -> Option<(&[u8], &[u8])> {
    // RFC 5987, 3.2.1: the language is not looked at.
    let mut fields = value.splitn(3, |byte| *byte == b'\'');
    let (label, _, text) = (fields.next()?, fields.next()?, fields.next()?);
    Some((label, text))
}

fn push_decoded(text: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&percent::decode(
        text,
        false,
        &mut percent::Decoded::default(),
    ));
}

/// The text of an extended value (RFC 5987 section 3.2); one without a charset is read as if it had one.
fn extended(value: &[u8]) -> Vec<u8> {
    let (label, text) = label(value).map_or((None, value), |(label, text)| (Some(label), text));
    let mut name = Vec::new();
    push_decoded(text, &mut name);
    charset::of_label(label, name)
}

/// The text of a name that holds encoded words. `None` when it holds none.
fn words(name: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = name;
    let mut found = false;
    while let Some(start) = memchr::memmem::find(rest, b"=?") {
        let word = rest.get(start + 2..)?;
        let mut fields = word.splitn(3, |byte| *byte == b'?');
        let (label, encoding, tail) = (fields.next()?, fields.next()?, fields.next()?);
        let end = memchr::memmem::find(tail, b"?=")?;
        let text = tail.get(..end)?;
        let decoded = match encoding {
            b"b" | b"B" => base64(text),
            b"q" | b"Q" => q_encoding(text),
            _ => return None,
        };
        let between = rest.get(..start)?;
        // Blanks between two encoded words are no text (RFC 2047, 6.2).
        if !(found && between.trim_ascii().is_empty()) {
            out.extend_from_slice(between);
        }
        out.extend(charset::of_label(Some(label), decoded));
        found = true;
        rest = tail.get(end + 2..)?;
    }
    out.extend_from_slice(rest);
    found.then_some(out)
}

fn q_encoding(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return out,
            [b'=', high, low, tail @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                out.extend(percent::hex_pair(*high, *low));
                tail
            }
            // An underscore stands for a blank in every charset (RFC 2047, 4.2).
            [b'_', tail @ ..] => {
                out.push(b' ');
                tail
            }
            [byte, tail @ ..] => {
                out.push(*byte);
                tail
            }
        };
    }
}

/// Whether names are the same to everybody who sends them: alike, or the ASCII stand-in of one that is not ASCII
/// (RFC 6266, appendix D), with the same extension; .NET sends encoded words beside the extended form.
pub(super) fn agree(names: &[Vec<u8>]) -> bool {
    let Some(real) = names.iter().find(|name| !name.is_ascii()) else {
        return names.len() < 2
            || names.len() == 2
                && names
                    .iter()
                    .any(|name| words(name).is_some_and(|word| names.contains(&word)));
    };
    let extension = |name: &[u8]| {
        memchr::memrchr(b'.', name)
            .and_then(|dot| name.get(dot..))
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    let wanted = extension(real);
    names
        .iter()
        .all(|name| words(name).is_some() || extension(name) == wanted)
}
