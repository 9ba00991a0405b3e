//! Secrets and personal data in paths, which are replaced by `{masked}` before anything stores a path.
//!
//! A path is stored with its ids, so nothing of what a segment says may be a secret. Three things show one: its own form
//! (a vendor's key, an e-mail address, a card number), what stands before it (`/reset-password/…`, `/phone/…`), and its
//! name (`;jsessionid=…`). Ids stay readable: a number, a UUID or a random text alone is not masked.

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use smallvec::SmallVec;

use super::text::is_base64url;
use super::{Class, ClassSet, Detectors, vendor};

/// What stands for the text that was masked.
pub const MASK: &str = "{masked}";

/// A path, and what of it was masked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaskedPath {
    /// The path with `{masked}` where something was hidden.
    pub path: String,
    /// Whether a secret was among it, with which a caller proves something.
    pub has_secret: bool,
}

/// Finds what must not be stored of paths. It does not depend on the classes that the configuration names: those are
/// about what leaves and enters, and this is about what Starfort itself keeps.
#[derive(Debug)]
pub struct PathMask {
    detectors: Detectors,
}

impl Default for PathMask {
    fn default() -> Self {
        Self {
            detectors: Detectors::of(ClassSet::ALL),
        }
    }
}

/// The fewest bytes of a segment with a digit in which something is looked for.
const SHORTEST: usize = 7;

/// The fewest bytes of a password or code.
const SHORTEST_PASSWORD: usize = 4;

/// From so many bytes on, a segment without digits may be a key too.
const LONG_NAME: usize = 28;

/// A range of the path that is hidden, and whether it is a secret.
type Hidden = SmallVec<[(Range<usize>, bool); 2]>;

impl PathMask {
    /// Mask a path. `None`: there is nothing to hide.
    #[must_use]
    pub fn mask(&self, path: &str) -> Option<MaskedPath> {
        if !may_hide(path.as_bytes()) {
            return None;
        }
        let mut hidden = Hidden::new();
        self.detected(path, &mut hidden);
        let mut before = [""; 2];
        let mut start = 0;
        for segment in path.split('/') {
            let end = start + segment.len();
            if let Some(part) = secret_in(segment, before) {
                hidden.push((start + part.start..start + part.end, true));
            } else if is_personal(segment, before[1]) {
                hidden.push((start..end, false));
            }
            before = [before[1], segment];
            start = end + 1;
        }
        (!hidden.is_empty()).then(|| replaced(path, hidden))
    }

    /// Whether a name, such as that of a parameter, which clients choose as well, must not be stored.
    #[must_use]
    pub fn hides_name(&self, name: &str) -> bool {
        let bytes = name.as_bytes();
        // Most names are shorter than any secret.
        bytes.len() >= SHORTEST
            && may_hide(bytes)
            && (vendor::is_key(bytes) || !self.detectors.classes(bytes).is_empty())
    }

    /// Whole segments in which a detector finds something.
    fn detected(&self, path: &str, hidden: &mut Hidden) {
        let bytes = path.as_bytes();
        for found in self.detectors.detect(bytes) {
            let begin = bytes.get(..found.start).unwrap_or_default();
            let start = memchr::memrchr(b'/', begin).map_or(0, |slash| slash + 1);
            let behind = bytes.get(found.end..).unwrap_or_default();
            let end = memchr::memchr(b'/', behind).map_or(bytes.len(), |slash| found.end + slash);
            let is_secret = matches!(
                found.class,
                Class::PrivateKey | Class::Jwt | Class::CloudKey
            );
            hidden.push((start..end, is_secret));
        }
    }
}

/// Whether a path could have anything to hide. Nearly no path has, so this is one pass over its bytes.
fn may_hide(path: &[u8]) -> bool {
    let (mut length, mut digits, mut signs, mut has_short) = (0, 0, 0, false);
    for byte in path {
        length += 1;
        match byte {
            b'/' => (length, digits, signs) = (0, 0, 0),
            b'@' | b';' | b'=' => return true,
            b'0'..=b'9' => digits += 1,
            b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' => {}
            _ => signs += 1,
        }
        if length >= SHORTEST && digits > 0 || length >= LONG_NAME {
            return true;
        }
        has_short |= length >= SHORTEST_PASSWORD && digits + signs > 0;
    }
    // Searched only where something is that could be a password.
    has_short && names_password(path)
}

/// Whether a path has a piece of one of [`PASSWORD_WORDS`].
fn names_password(path: &[u8]) -> bool {
    path.windows(3).any(|window| {
        matches!(
            window,
            b"pas" | b"Pas" | b"pwd" | b"otp" | b"Otp" | b"cvv" | b"mfa" | b"Mfa"
        )
    })
}

/// The path with ranges replaced; those that touch or overlap become one.
fn replaced(path: &str, mut hidden: Hidden) -> MaskedPath {
    hidden.sort_unstable_by_key(|(range, _)| range.start);
    let has_secret = hidden.iter().any(|(_, is_secret)| *is_secret);
    let mut out = String::with_capacity(path.len());
    let mut position = 0;
    for (range, _) in &hidden {
        if range.start >= position {
            out.push_str(path.get(position..range.start).unwrap_or_default());
            out.push_str(MASK);
        }
        position = position.max(range.end);
    }
    out.push_str(path.get(position..).unwrap_or_default());
    MaskedPath {
        path: out,
        has_secret,
    }
}

/// The part of a segment that is a secret. `before`: the two segments before it.
fn secret_in(segment: &str, before: [&str; 2]) -> Option<Range<usize>> {
    let bytes = segment.as_bytes();
    let whole = 0..segment.len();
    if let Some(part) = named_secret(segment) {
        return Some(part);
    }
    if let Some(start) = bot_token(bytes) {
        return Some(start..segment.len());
    }
    let by_form = vendor::is_key(bytes) || is_signed(bytes) || is_hook(bytes, before);
    if by_form || is_after_word(bytes, before) {
        return Some(whole);
    }
    None
}

/// The value of a parameter of a segment that is named like a credential: `cars;jsessionid=…`, `token=…`.
fn named_secret(segment: &str) -> Option<Range<usize>> {
    let mut start = 0;
    for parameter in segment.split(';') {
        if let Some((name, value)) = parameter.split_once('=')
            && !value.is_empty()
            && is_one_of(name, CREDENTIAL_NAMES)
        {
            let begin = start + name.len() + 1;
            return Some(begin..begin + value.len());
        }
        start += parameter.len() + 1;
    }
    None
}

/// Where the secret of `bot123456:AAF…` begins (Telegram; others have the same without `bot`).
fn bot_token(segment: &[u8]) -> Option<usize> {
    let digits_from = if segment.starts_with(b"bot") { 3 } else { 0 };
    let rest = segment.get(digits_from..)?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (colon, key) = rest.get(digits..)?.split_first()?;
    let is_key = match colon {
        b':' => (5..=16).contains(&digits) && key.len() >= 30,
        // An application's token of Facebook.
        b'|' => (14..=17).contains(&digits) && key.len() >= 20,
        _ => false,
    };
    (is_key && key.iter().all(|byte| is_base64url(*byte))).then_some(digits_from)
}

/// Whether a text has three to five parts with dots between them, the last of which is long and random: a signed value,
/// as many frameworks and vendors make them.
fn is_signed(segment: &[u8]) -> bool {
    const LONGEST_PARTS: usize = 5;
    if segment.len() < 50 || memchr::memchr(b'.', segment).is_none() {
        return false;
    }
    let mut parts = SmallVec::<[&[u8]; LONGEST_PARTS]>::new();
    for part in segment.split(|byte| *byte == b'.') {
        let fits = !part.is_empty() && part.iter().all(|byte| is_base64url(*byte));
        if !fits || parts.len() == LONGEST_PARTS {
            return false;
        }
        parts.push(part);
    }
    parts.len() >= 3 && parts.last().is_some_and(|last| is_random(last, 20))
}

/// Whether a text is the key of a webhook of Slack (`/services/T024BE7LD/B024BE7LD/…`) or one like it: it follows two ids in
/// capitals.
fn is_hook(segment: &[u8], before: [&str; 2]) -> bool {
    let is_id = |text: &str| {
        (9..=13).contains(&text.len())
            && text.starts_with(['T', 'B', 'E', 'W', 'A'])
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    segment.len() >= 16
        && segment.iter().all(u8::is_ascii_alphanumeric)
        && is_id(before[1])
        && (is_id(before[0]) || is_one_of(before[0], &["services", "triggers", "workflows"]))
}

/// Whether a text follows a word that says that a secret comes, and could be one.
fn is_after_word(segment: &[u8], before: [&str; 2]) -> bool {
    // `/webhooks/123456/k3Jd…`: an id may stand between the word and the secret.
    let is_second = is_id(before[1].as_bytes());
    let word = if is_second { before[0] } else { before[1] };
    if is_one_of(word, PASSWORD_WORDS) {
        return is_password(segment);
    }
    if segment.len() < 10 || !segment.iter().copied().all(is_secret_byte) {
        return false;
    }
    let is_uuid = is_uuid(segment);
    if is_one_of(word, ONE_TIME_WORDS) {
        return is_uuid || is_hexadecimal(segment, 16) || is_random(segment, 10);
    }
    if is_uuid {
        return false;
    }
    if is_one_of(word, SECRET_WORDS) || is_second && is_one_of(word, COLLECTION_WORDS) {
        return is_hexadecimal(segment, 32) || is_random(segment, 20);
    }
    // Longer than the ids that are in use: KSUIDs have 27 characters.
    is_one_of(word, COLLECTION_WORDS) && (is_hexadecimal(segment, 40) || is_random(segment, 32))
}

fn is_secret_byte(byte: u8) -> bool {
    is_base64url(byte) || matches!(byte, b'.' | b'=' | b'~' | b'+' | b':' | b'%' | b'!' | b'@')
}

/// Whether a segment is personal data because of the word before it, or an address that no detector knows.
fn is_personal(segment: &str, before: &str) -> bool {
    is_address(segment)
        || is_encoded_address(segment)
        || is_number(segment, 9, 15) && is_one_of(before, PHONE_WORDS)
        || is_number(segment, 7, 14) && is_one_of(before, CITIZEN_WORDS)
}

/// Whether a text looks like an e-mail address with any letters: `jürgen@exämple.de`, but not `left-pad@1.3.0`.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let top = domain.rsplit_once('.');
    let is_top = |top: &str| top.chars().count() >= 2 && top.chars().all(char::is_alphabetic);
    !local.is_empty() && top.is_some_and(|(name, top)| !name.is_empty() && is_top(top))
}

/// Whether a text is an e-mail address in Base64, alone or among other words: `user:ann@example.com`, `{"email":"ann@…"}`.
fn is_encoded_address(text: &str) -> bool {
    let plain = text.trim_end_matches('=').as_bytes();
    let is_long = plain.len() >= LONG_NAME || plain.iter().any(u8::is_ascii_digit);
    // A letter, `@` and a domain with an end of two letters have 8 characters in Base64.
    if plain.len() < 8 || !is_long {
        return false;
    }
    let decoded = URL_SAFE_NO_PAD
        .decode(plain)
        .or_else(|_| STANDARD_NO_PAD.decode(plain));
    let Some(decoded) = decoded.ok().and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return false;
    };
    let mut words = decoded.split([':', '|', ',', ';', ' ', '"', '/', '<', '>']);
    !decoded.contains(char::is_control) && words.any(is_address)
}

/// Whether a text is digits, as numbers of people are written.
fn is_number(text: &str, least: usize, most: usize) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let plain =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b' ' | b'.' | b'(' | b')');
    (least..=most).contains(&digits) && text.bytes().all(plain)
}

/// Whether a text behind `password` is one: a number or a sign shows that it is no word of the API.
fn is_password(segment: &[u8]) -> bool {
    let is_version =
        matches!(segment, [b'v' | b'V', rest @ ..] if rest.iter().all(u8::is_ascii_digit));
    segment.len() >= SHORTEST_PASSWORD
        && !is_version
        && segment.iter().any(|byte| !is_word_byte(*byte))
}

fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || matches!(byte, b'-' | b'_')
}

/// A number, a UUID or two of them with `@` between, or a hexadecimal id: what stands between a word and its secret.
fn is_id(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().any(u8::is_ascii_digit)
        && text
            .iter()
            .all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'-' | b'@'))
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_hexadecimal(text: &[u8], least: usize) -> bool {
    text.len() >= least
        && text.iter().all(u8::is_ascii_hexdigit)
        && text.iter().any(u8::is_ascii_alphabetic)
}

/// Whether a text is random: its characters change between digits, small letters and capitals more often than those of
/// names do. A third of the neighbours in random base 36 differ so, and half of those in base 62.
fn is_random(text: &[u8], least: usize) -> bool {
    let class = |byte: u8| match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    };
    let pairs = text.iter().zip(text.iter().skip(1));
    let changes = pairs.filter(|(one, next)| {
        let (one, next) = (class(**one), class(**next));
        one != next && one != 3 && next != 3
    });
    text.len() >= least && text.iter().any(u8::is_ascii_digit) && changes.count() * 5 >= text.len()
}

/// Whether a word, in whatever case and with whatever dashes, is one of a sorted list.
fn is_one_of(word: &str, sorted: &[&str]) -> bool {
    const LONGEST: usize = 24;
    let mut plain = [0_u8; LONGEST];
    let mut length = 0;
    for byte in word.bytes().filter(|byte| !matches!(byte, b'-' | b'_')) {
        let Some(slot) = plain.get_mut(length) else {
            return false;
        };
        *slot = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = plain.get(..length).unwrap_or_default();
    sorted
        .binary_search_by(|known| known.as_bytes().cmp(plain))
        .is_ok()
}

/// Names of credentials in segments, without dashes and in lower case.
const CREDENTIAL_NAMES: &[&str] = &[
    "accesstoken",
    "apikey",
    "authtoken",
    "jsessionid",
    "jwt",
    "passwd",
    "password",
    "phpsessid",
    "pwd",
    "refreshtoken",
    "secret",
    "session",
    "sessionid",
    "sid",
    "sig",
    "signature",
    "ticket",
    "token",
];

/// Words before a secret that works once: even a UUID behind them is one.
const ONE_TIME_WORDS: &[&str] = &[
    "accept",
    "acceptinvite",
    "activate",
    "activation",
    "autologin",
    "confirm",
    "confirmation",
    "confirmemail",
    "emailconfirmation",
    "emailverification",
    "forgotpassword",
    "invite",
    "magic",
    "magiclink",
    "magiclogin",
    "onetime",
    "optout",
    "passwordreset",
    "recover",
    "recovery",
    "reset",
    "resetpassword",
    "setpassword",
    "unlock",
    "unsubscribe",
    "verification",
    "verify",
    "verifyemail",
];

/// Words before a password or a code.
const PASSWORD_WORDS: &[&str] = &[
    "cvv",
    "mfacode",
    "otp",
    "passphrase",
    "passwd",
    "password",
    "pwd",
    "totp",
];

/// Words before texts that are secrets when they are long and random.
const SECRET_WORDS: &[&str] = &[
    "accesstoken",
    "apikey",
    "hook",
    "incomingwebhook",
    "invitation",
    "jwt",
    "refreshtoken",
    "secret",
    "session",
    "share",
    "shared",
    "sharelink",
    "signed",
    "token",
    "webhook",
    "webhookb2",
];

/// Words before secrets, and before ids of what the words name.
const COLLECTION_WORDS: &[&str] = &[
    "accesstokens",
    "apikeys",
    "auth",
    "callback",
    "code",
    "hooks",
    "invitations",
    "invites",
    "link",
    "links",
    "login",
    "magiclinks",
    "oauth",
    "secrets",
    "services",
    "sessions",
    "tokens",
    "triggers",
    "webhooks",
    "workflows",
];

/// Words before a telephone number.
const PHONE_WORDS: &[&str] = &[
    "cell",
    "cellphone",
    "mobile",
    "mobilenumber",
    "mobiles",
    "msisdn",
    "phone",
    "phonenumber",
    "phonenumbers",
    "phones",
    "sms",
    "tel",
    "telephone",
    "whatsapp",
];

/// Words before the number that a state or a bank knows a person by.
const CITIZEN_WORDS: &[&str] = &[
    "aadhaar",
    "bsn",
    "citizenid",
    "cnpj",
    "cpf",
    "driverslicense",
    "idnumber",
    "nationalid",
    "nationalidnumber",
    "passport",
    "passportnumber",
    "personnummer",
    "pesel",
    "sin",
    "socialsecurity",
    "socialsecuritynumber",
    "ssn",
    "taxid",
];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn masked(path: &str) -> String {
        PathMask::default()
            .mask(path)
            .map_or_else(|| path.to_owned(), |masked| masked.path)
    }

    const RANDOM: &str = "k3Jd92mQpX7vL0aZ5tRw8sYb4NcG6hFe1uIoKjHgDfSaPq2W";

    /// Secrets by their own form, by what stands before them, and by their name.
    #[test]
    fn secrets_are_masked() {
        let hook = &RANDOM[..24];
        for (path, expected) in [
            (
                "/bot100000001:AAExampleExampleExampleExample00000/getMe".to_owned(),
                "/bot{masked}/getMe",
            ),
            (
                "/file/bot1234567890:AAF-ab_cdEfGhIjKlMnOpQrStUvWxYz0123/photos/1.jpg".into(),
                "/file/bot{masked}/photos/1.jpg",
            ),
            (
                format!("/services/T024BE7LD/B024BE7LD/{hook}"),
                "/services/T024BE7LD/B024BE7LD/{masked}",
            ),
            (
                format!("/workflows/T024BE7LD/A024BE7LD/{hook}"),
                "/workflows/T024BE7LD/A024BE7LD/{masked}",
            ),
            (
                format!("/api/webhooks/123456789012345678/{RANDOM}"),
                "/api/webhooks/123456789012345678/{masked}",
            ),
            (
                format!(
                    "/webhookb2/aaaaaaaa-0000-4000-8000-000000000001@aaaaaaaa-0000-4000-8000-000000000002/IncomingWebhook/{}/x",
                    "0123456789abcdef".repeat(2)
                ),
                "/webhookb2/aaaaaaaa-0000-4000-8000-000000000001@aaaaaaaa-0000-4000-8000-000000000002/IncomingWebhook/{masked}/x",
            ),
            (
                "/v1/reset-password/550e8400-e29b-41d4-a716-446655440000".into(),
                "/v1/reset-password/{masked}",
            ),
            (
                "/verify_email/0123456789abcdef0123".into(),
                "/verify_email/{masked}",
            ),
            (format!("/token/{hook}/info"), "/token/{masked}/info"),
            (format!("/x/glrt-{hook}"), "/x/{masked}"),
            (
                format!("/x/sk_live_{}", hook.replace('-', "0")),
                "/x/{masked}",
            ),
            (
                "/auth/eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl/me".into(),
                "/auth/{masked}/me",
            ),
            (format!("/d/{hook}.Yx3k9A.{}", &RANDOM[..30]), "/d/{masked}"),
            (
                "/cars;jsessionid=9F2C;color=red/parts".into(),
                "/cars;jsessionid={masked};color=red/parts",
            ),
            ("/login/password/hunter2".into(), "/login/password/{masked}"),
            ("/mfa/otp/123456".into(), "/mfa/otp/{masked}"),
            ("/a/token=abc123/b".into(), "/a/token={masked}/b"),
        ] {
            let found = PathMask::default()
                .mask(&path)
                .unwrap_or_else(|| panic!("{path}"));
            assert_eq!(found.path, expected, "{path}");
            assert!(found.has_secret, "{path}");
        }
    }

    /// Personal data is masked, and proves nothing about who calls.
    #[test]
    fn personal_data_is_masked() {
        for (path, expected) in [
            ("/lookup/+491701234567", "/lookup/{masked}"),
            ("/phones/4917012345678/sms", "/phones/{masked}/sms"),
            ("/users/ann@example.com/roles", "/users/{masked}/roles"),
            ("/users/jürgen@exämple.de", "/users/{masked}"),
            ("/u/dXNlcjphbm4ubWVpZXJAZXhhbXBsZS5jb20=/x", "/u/{masked}/x"),
            ("/u/eyJlbWFpbCI6ImFubkBleGFtcGxlLmNvbSJ9", "/u/{masked}"),
            ("/people/ssn/536904399", "/people/ssn/{masked}"),
            ("/iban/DE89370400440532013000", "/iban/{masked}"),
            ("/cards/4111111111111111/limit", "/cards/{masked}/limit"),
        ] {
            let found = PathMask::default()
                .mask(path)
                .unwrap_or_else(|| panic!("{path}"));
            assert_eq!(
                (&*found.path, found.has_secret),
                (expected, false),
                "{path}"
            );
        }
    }

    /// Ordinary ids and words stay readable, also behind the same words.
    #[test]
    fn ids_are_not_masked() {
        for path in [
            "/",
            "/orders/17",
            "/orders/550e8400-e29b-41d4-a716-446655440000",
            "/tokens/550e8400-e29b-41d4-a716-446655440000",
            "/tokens/42",
            "/sessions/01ARZ3NDEKTSV4RRFFQ69G5FAV/events",
            "/webhooks/507f1f77bcf86cd799439011",
            "/webhooks/V1StGXR8_Z5jdHi6B-myT",
            "/links/0ujtsYcgvSTl8PAuAdqWYSMnLOv",
            "/invitations/550e8400-e29b-41d4-a716-446655440000",
            "/secrets/database-password-production",
            "/commits/9fceb02d0ae598e95dc970b74767f19372d61af8",
            "/videos/dQw4w9WgXcQ",
            "/nodes/VXNlcjoxMjM=",
            "/2010-04-01/Accounts/AC0123456789abcdef0123456789abcdef/Messages.json",
            "/objects/sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "/phones/42/calls",
            "/phones/123456",
            "/orders/1541815603606036480",
            "/npm/left-pad@1.3.0/files",
            "/@types/node",
            "/password/reset",
            "/password/policies",
            "/users/me/password",
            "/v1/otp/v2/send",
            "/verify/orders",
            "/confirm/12345",
            "/reset/all-the-settings",
            "/java/com.example.shop.orders.internal.OrderRepositoryImplementation",
            "/files/report.2026.final.version.with.many.dots.and.words.pdf",
            "/lake/year=2026/month=05",
            "/odata/Orders(CustomerId='ALFKI',Id=3)",
            "/t/3-4-5.png",
            "/services/catalogue/items",
            "/cars;color=red;year=2019/parts",
        ] {
            assert_eq!(masked(path), path);
        }
    }

    /// The lists are searched by halves.
    #[test]
    fn lists_are_sorted() {
        for list in [
            CREDENTIAL_NAMES,
            ONE_TIME_WORDS,
            PASSWORD_WORDS,
            SECRET_WORDS,
            COLLECTION_WORDS,
            PHONE_WORDS,
            CITIZEN_WORDS,
        ] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }

    proptest! {
        /// Any path: no panic, as many segments as before, and masking again changes nothing.
        #[test]
        fn masking_is_idempotent(path in "/([a-z0-9@;=:.|/é+-]|token|bot|eyJ|[A-Z0-9]{12}){0,12}") {
            let once = masked(&path);
            let joined = once.matches('/').count() <= path.matches('/').count();
            prop_assert!(joined, "{} became {}", path, once);
            prop_assert_eq!(masked(&once), once);
        }

        /// A quick look at the bytes leaves out no path that has something to hide.
        #[test]
        fn a_quick_look_overlooks_nothing(path in "/([a-z0-9@;=.|/+-]|token/|password/|bot|sms/|[A-Z0-9]{12}){0,12}") {
            if !may_hide(path.as_bytes()) {
                prop_assert!(Detectors::of(ClassSet::ALL).detect(path.as_bytes()).is_empty(), "{}", path);
                let segments: Vec<_> = path.split('/').collect();
                for (at, segment) in segments.iter().enumerate() {
                    let before = |back: usize| at.checked_sub(back).map_or("", |at| segments[at]);
                    prop_assert!(secret_in(segment, [before(2), before(1)]).is_none(), "{}", path);
                    prop_assert!(!is_personal(segment, before(1)), "{}", path);
                }
            }
        }
    }
}
