//! Detects SQL injection as libinjection does: the first tokens of a text, folded, are a fingerprint, and a list says
//! which fingerprints are attacks.
//!
//! The algorithm and the list are libinjection's (Nick Galbreath, 2012; BSD licence); the list comes from the crate
//! `libinjectionrs`. That crate takes a microsecond for each token of a text that folds without end (`a=b=c=…`), so
//! that a megabyte takes seconds. This module does the same work without allocating, and looks words up by hash. A test
//! holds both to the same verdict and fingerprint.

mod fold;
mod tokens;
mod words;

pub(super) use words::{Hash, is_known};

use fold::Folded;
use tokens::{Reading, Token, kind};

/// The kinds of a text's tokens, a letter each, such as `1&1` and `s&sos`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fingerprint {
    letters: [u8; fold::MAX_TOKENS],
    length: usize,
}

impl Fingerprint {
    fn of(tokens: &[Token]) -> Self {
        let mut fingerprint = Self::default();
        // One token that only attackers write decides, whatever stands around it.
        if tokens.iter().any(|token| token.kind == kind::EVIL) {
            fingerprint.push(kind::EVIL);
            return fingerprint;
        }
        for token in tokens {
            fingerprint.push(token.kind);
        }
        fingerprint
    }

    fn push(&mut self, letter: u8) {
        if let Some(place) = self.letters.get_mut(self.length) {
            *place = letter;
            self.length += 1;
        }
    }

    /// The letters of the fingerprint.
    pub(super) fn letters(&self) -> &[u8] {
        self.letters.get(..self.length).unwrap_or(&[])
    }

    /// Whether the fingerprint is on the list. There a zero stands before each fingerprint.
    fn is_listed(&self) -> bool {
        let mut name = [b'0'; fold::MAX_TOKENS + 1];
        for (to, from) in name.iter_mut().skip(1).zip(self.letters()) {
            *to = *from;
        }
        self.length > 0
            && name
                .get(..=self.length)
                .is_some_and(|name| words::kind_of(name) == Some(kind::FINGERPRINT))
    }
}

/// The fingerprint that shows that a text is an SQL injection; `None` when it is not one.
///
/// The text is read as it is, and for each kind of quote in it as if it stood behind such a quote. It is read once more
/// with `MySQL`'s comments if that makes a difference.
pub(super) fn detect(input: &[u8]) -> Option<Fingerprint> {
    if input.is_empty() {
        return None;
    }
    let ansi = |quote| {
        attempt(
            input,
            Reading {
                quote,
                mysql: false,
            },
        )
    };
    let mysql = |quote| attempt(input, Reading { quote, mysql: true }).ok();
    let both = |quote| match ansi(quote) {
        Ok(found) => Some(found),
        Err(Differs(true)) => mysql(quote),
        Err(Differs(false)) => None,
    };
    let has = |quote| memchr::memchr(quote, input).is_some();
    // The order is libinjection's. Behind a double quote only `MySQL` is tried, where such quotes enclose strings.
    both(0)
        .or_else(|| has(b'\'').then(|| both(b'\'')).flatten())
        .or_else(|| has(b'"').then(|| mysql(b'"')).flatten())
}

/// Whether `MySQL` would read the comments of a text in another way.
struct Differs(bool);

fn attempt(input: &[u8], reading: Reading) -> Result<Fingerprint, Differs> {
    let folded = Folded::of(input, reading);
    let fingerprint = Fingerprint::of(folded.tokens());
    if fingerprint.is_listed() && !is_harmless(input, &folded, &fingerprint) {
        return Ok(fingerprint);
    }
    Err(Differs(folded.differs_in_mysql))
}

/// Whether one of libinjection's exceptions holds: short forms that people write too.
fn is_harmless(input: &[u8], folded: &Folded, fingerprint: &Fingerprint) -> bool {
    let (letters, tokens) = (fingerprint.letters(), folded.tokens());
    if letters.len() > 1 && letters.last() == Some(&kind::COMMENT) && names_sp_password(input) {
        return false;
    }
    match (letters, tokens) {
        ([_, kind::UNION], _) => folded.read == 2,
        ([_, _], [one, two]) => is_harmless_pair(input, folded.read, one, two),
        ([_, _, _], [one, two, three]) => is_harmless_triple(letters, folded.read, one, two, three),
        _ => false,
    }
}

fn is_harmless_pair(input: &[u8], read: usize, one: &Token, two: &Token) -> bool {
    // Too many people write `#` and, after a name, `--`.
    if two.first() == b'#' {
        return true;
    }
    match (one.kind, two.kind) {
        (kind::BARE, kind::COMMENT) if two.first() != b'/' => return true,
        (kind::NUMBER, kind::COMMENT) => {
            if two.first() == b'/' || read > 2 {
                return false;
            }
            // As in libinjection, this counts from the beginning of the text and not of the number.
            let after = input.get(one.value().len()..).unwrap_or(&[]);
            let is_close = match after {
                [byte, ..] if *byte <= 32 || !byte.is_ascii() => true,
                [b'/', b'*', ..] | [b'-', b'-', ..] => true,
                _ => false,
            };
            return !is_close;
        }
        _ => {}
    }
    two.value().len() > 2 && two.first() == b'-'
}

fn is_harmless_triple(
    letters: &[u8],
    read: usize,
    one: &Token,
    two: &Token,
    three: &Token,
) -> bool {
    match letters {
        // The form `…foo' + 'bar…`.
        b"sos" | b"s&s" => {
            return !(one.opened == 0 && three.closed == 0 && one.closed == three.opened);
        }
        // The form `"sexy and 17"`.
        b"s&n" | b"n&1" | b"1&1" | b"1&v" | b"1&s" if read == 3 => return true,
        _ => {}
    }
    // `INTO OUTFILE` and `INTO DUMPFILE` write files, and people do not write them in prose.
    let writes_file = two.value().len() > 4 && two.value().starts_with(b"INTO");
    two.kind == kind::KEYWORD && !writes_file
}

/// Whether a text names `sp_password`, which in a comment hides a statement from the log of SQL Server.
fn names_sp_password(input: &[u8]) -> bool {
    const NAME: &[u8] = b"sp_password";
    std::str::from_utf8(input).is_ok()
        && memchr::memchr2_iter(b's', b'S', input).any(|at| {
            input
                .get(at..at + NAME.len())
                .is_some_and(|text| text.eq_ignore_ascii_case(NAME))
        })
}

#[cfg(test)]
mod tests;
