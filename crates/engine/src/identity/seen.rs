//! Credentials that a call carries, whether or not the configuration knows them: told by the names of headers,
//! parameters and cookies, and by the scheme of `Authorization`. Nothing is verified here; it is only known that the call
//! did not come without.

use smol_str::{SmolStr, format_smolstr};

use crate::client::bot::truncate;

/// The most places of one call that are kept; nobody sends as many credentials.
const MAX_PLACES: usize = 8;

/// The longest name of a place; longer ones are cut.
const MAX_NAME_BYTES: usize = 64;

/// The kinds of credentials of a call, and where they were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credentials {
    /// Kinds, each once, in the order in which they were found.
    pub kinds: Vec<&'static str>,
    /// `place:name`, each once.
    pub places: Vec<SmolStr>,
}

impl Credentials {
    /// Note a credential. `place`: `header`, `query`, `cookie`, `path`, `connection`.
    pub(crate) fn note(&mut self, kind: &'static str, place: &'static str, name: &str) {
        if !self.kinds.contains(&kind) {
            self.kinds.push(kind);
        }
        let place = format_smolstr!("{place}:{}", truncate(name, MAX_NAME_BYTES));
        if self.places.len() < MAX_PLACES && !self.places.contains(&place) {
            self.places.push(place);
        }
    }

    /// Whether a credential was seen at a place.
    pub(super) fn is_noted(&self, place: &str, name: &str) -> bool {
        let mut places = self.places.iter();
        places.any(|known| {
            known
                .strip_prefix(place)
                .and_then(|rest| rest.strip_prefix(':'))
                == Some(name)
        })
    }
}

/// The kind of the credential in an `Authorization` header, and the part of it that stays the same from call to call.
/// `None`: there is none, also where a client has written `null` for it.
pub(super) fn of_authorization(value: &[u8]) -> Option<(&'static str, &[u8])> {
    let value = value.trim_ascii();
    let space = memchr::memchr(b' ', value);
    let (scheme, rest) = match space {
        Some(space) => value.split_at_checked(space)?,
        // Without a scheme it is a bare token or key.
        None => (&b""[..], value),
    };
    let rest = rest.trim_ascii();
    if rest.is_empty() || is_nothing(rest) {
        return None;
    }
    let kind = of_scheme(scheme);
    let lasting = match kind {
        "aws4" => field(rest, b"Credential="),
        "digest" => field(rest, b"username="),
        "hawk" => field(rest, b"id="),
        "signature" => field(rest, b"keyId=").or_else(|| before_colon(rest)),
        "oauth1" => field(rest, b"oauth_token=").or_else(|| field(rest, b"oauth_consumer_key=")),
        _ => None,
    };
    Some((kind, lasting.unwrap_or(rest)))
}

/// The kind of a scheme (IANA's registry of HTTP authentication schemes, and those that vendors document).
fn of_scheme(scheme: &[u8]) -> &'static str {
    const LONGEST: usize = 24;
    let mut lower = [0_u8; LONGEST];
    for (slot, byte) in lower.iter_mut().zip(scheme) {
        *slot = byte.to_ascii_lowercase();
    }
    match lower.get(..scheme.len()).unwrap_or_default() {
        b"bearer" | b"dpop" => "bearer",
        b"basic" => "basic",
        b"digest" => "digest",
        b"hawk" => "hawk",
        b"negotiate" | b"ntlm" | b"kerberos" => "negotiate",
        b"oauth" => "oauth1",
        b"apikey" | b"api-key" | b"x-api-key" | b"key" => "api_key",
        b"aws" | b"goog4-rsa-sha256" | b"goog4-hmac-sha256" | [b'a', b'w', b's', b'4', ..] => {
            "aws4"
        }
        b"signature"
        | b"mac"
        | b"hmac"
        | b"sharedkey"
        | b"sharedkeylite"
        | b"sharedaccesssignature"
        | [b'h', b'm', b'a', b'c', b'-', ..] => "signature",
        _ => "token",
    }
}

/// What scripts send for a token that they do not have, and a scheme without one.
fn is_nothing(value: &[u8]) -> bool {
    matches!(
        value,
        b"null" | b"undefined" | b"None" | b"nil" | b"[object Object]"
    )
}

/// The value of a field of `name="value", …`, up to its end.
fn field<'a>(fields: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let mut from = 0;
    loop {
        let at = from + memchr::memmem::find(fields.get(from..)?, name)?;
        let starts = at
            .checked_sub(1)
            .and_then(|before| fields.get(before))
            .is_none_or(|byte| matches!(byte, b' ' | b','));
        from = at + name.len();
        if starts {
            break;
        }
    }
    let value = fields.get(from..)?;
    let value = value.strip_prefix(b"\"").unwrap_or(value);
    let end = value
        .iter()
        .position(|byte| matches!(byte, b'"' | b',' | b' '));
    value
        .get(..end.unwrap_or(value.len()))
        .filter(|value| !value.is_empty())
}

fn before_colon(value: &[u8]) -> Option<&[u8]> {
    value.get(..memchr::memchr(b':', value)?)
}

/// The kind of credential that a header carries, by its name in lower case; `None` for other headers.
pub(super) fn of_header(name: &[u8]) -> Option<&'static str> {
    // Asked of every header of every request, so most are let go by their last letter.
    match name.last()? {
        b'y' | b'n' | b't' | b'h' | b'e' | b'd' | b'6' => {}
        _ => return None,
    }
    let (rest, last) = last_word(name);
    let before = last_word(rest).1;
    match last {
        b"apikey" | b"secret" => Some("api_key"),
        b"key" => KEYS.contains(&before).then_some("api_key"),
        b"token" | b"authtoken" | b"accesstoken" => {
            let is_known = !OTHER_TOKENS.contains(&before);
            is_known.then_some("token")
        }
        b"auth" | b"jwt" | b"assertion" | b"session" | b"sessionid" => Some("token"),
        b"authorization" => (name != b"authorization").then_some("token"),
        b"id" => (before == b"session").then_some("token"),
        b"signature" => Some("signature"),
        b"256" => (before == b"signature").then_some("signature"),
        _ => None,
    }
}

/// A name without its last word, and the word; words are divided by dashes and underscores.
fn last_word(name: &[u8]) -> (&[u8], &[u8]) {
    let at = name.iter().rposition(|byte| matches!(byte, b'-' | b'_'));
    let (rest, word) = match at {
        Some(at) => (name.get(..at), name.get(at + 1..)),
        None => (None, Some(name)),
    };
    (rest.unwrap_or_default(), word.unwrap_or_default())
}

/// Words before `key` that make it one of a caller; `Idempotency-Key` and `Sec-WebSocket-Key` are none.
const KEYS: &[&[u8]] = &[
    b"access",
    b"api",
    b"app",
    b"application",
    b"auth",
    b"client",
    b"consumer",
    b"dev",
    b"developer",
    b"functions",
    b"integration",
    b"license",
    b"master",
    b"merchant",
    b"partner",
    b"private",
    b"publishable",
    b"rapidapi",
    b"secret",
    b"service",
    b"subscription",
];

/// Words before `token` that make it none of a caller's: they guard forms, name pages and places, or prove a device.
const OTHER_TOKENS: &[&[u8]] = &[
    b"antiforgery",
    b"appcheck",
    b"attestation",
    b"captcha",
    b"client",
    b"consistency",
    b"continuation",
    b"csrf",
    b"cursor",
    b"device",
    b"fcm",
    b"forgery",
    b"hcaptcha",
    b"idempotency",
    b"integrity",
    b"lock",
    b"next",
    b"page",
    b"paging",
    b"push",
    b"recaptcha",
    b"registration",
    b"request",
    b"sync",
    b"turnstile",
    b"upload",
    b"verification",
    b"xsrf",
];

/// How sure the name of a parameter is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sure {
    /// The name says it.
    Yes,
    /// Other things have this name too: the value has to look like a credential.
    ByValue,
}

/// Names of parameters of the query, in lower case without dashes, with the kind of credential that they carry.
const PARAMETERS: &[(&str, &str, Sure)] = &[
    ("accesskey", "api_key", Sure::Yes),
    ("accesskeyid", "api_key", Sure::Yes),
    ("accesstoken", "token", Sure::Yes),
    ("apikey", "api_key", Sure::Yes),
    ("apisecret", "api_key", Sure::Yes),
    ("apitoken", "token", Sure::Yes),
    ("appid", "api_key", Sure::ByValue),
    ("appkey", "api_key", Sure::ByValue),
    ("auth", "token", Sure::ByValue),
    ("authkey", "api_key", Sure::Yes),
    ("authorization", "token", Sure::Yes),
    ("authtoken", "token", Sure::Yes),
    ("awsaccesskeyid", "signature", Sure::Yes),
    ("clientsecret", "api_key", Sure::Yes),
    ("code", "api_key", Sure::ByValue),
    ("consumerkey", "api_key", Sure::Yes),
    ("hapikey", "api_key", Sure::Yes),
    ("hmac", "signature", Sure::ByValue),
    ("idtoken", "token", Sure::Yes),
    ("jobtoken", "token", Sure::Yes),
    ("jwt", "token", Sure::Yes),
    ("key", "api_key", Sure::ByValue),
    ("licensekey", "api_key", Sure::Yes),
    ("oauthtoken", "token", Sure::Yes),
    ("privatetoken", "token", Sure::Yes),
    ("secret", "api_key", Sure::ByValue),
    ("sessionid", "token", Sure::ByValue),
    ("sessionkey", "token", Sure::Yes),
    ("sessiontoken", "token", Sure::Yes),
    ("sid", "token", Sure::ByValue),
    ("sig", "signature", Sure::ByValue),
    ("signature", "signature", Sure::Yes),
    ("subscriptionkey", "api_key", Sure::Yes),
    ("token", "token", Sure::ByValue),
    ("usertoken", "token", Sure::Yes),
    ("xamzsignature", "aws4", Sure::Yes),
    ("xapikey", "api_key", Sure::Yes),
    ("xgoogsignature", "aws4", Sure::Yes),
];

/// The kind of credential that a parameter of the query carries.
pub(super) fn of_parameter(name: &str, value: &str) -> Option<&'static str> {
    const LONGEST: usize = 16;
    // Asked of every parameter: names that are longer than any of these are let go at once.
    if value.is_empty() || name.len() > 2 * LONGEST {
        return None;
    }
    let mut plain = [0_u8; LONGEST];
    let mut length = 0;
    for byte in name
        .bytes()
        .filter(|byte| !matches!(byte, b'-' | b'_' | b'.' | b'$'))
    {
        *plain.get_mut(length)? = byte.to_ascii_lowercase();
        length += 1;
    }
    let plain = plain.get(..length)?;
    let at = PARAMETERS
        .binary_search_by(|(known, ..)| known.as_bytes().cmp(plain))
        .ok()?;
    let (_, kind, sure) = PARAMETERS.get(at)?;
    (*sure == Sure::Yes || looks_like_key(value)).then_some(*kind)
}

/// Whether a text could be a key: long, with digits and letters, and without blanks.
fn looks_like_key(value: &str) -> bool {
    value.len() >= 16
        && value.bytes().any(|byte| byte.is_ascii_digit())
        && value.bytes().any(|byte| byte.is_ascii_alphabetic())
        && value.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Names of cookies that carry a session or a token, in lower case.
const SESSION_COOKIES: &[&str] = &[
    ".aspnet.applicationcookie",
    ".aspnetcore.cookies",
    ".aspxauth",
    "access_token",
    "accesstoken",
    "appsession",
    "auth",
    "auth_token",
    "authtoken",
    "cf_authorization",
    "connect.sid",
    "estsauth",
    "fedauth",
    "id_token",
    "jsessionid",
    "jwt",
    "kc-access",
    "keycloak_identity",
    "koa.sid",
    "li_at",
    "phpsessid",
    "refresh_token",
    "remember_me",
    "remember_token",
    "remember_user_token",
    "sails.sid",
    "sessid",
    "session",
    "session_id",
    "sessionid",
    "sid",
    "ssid",
    "token",
];

/// Beginnings of cookies of visitors, whose names end like those of sessions: analytics, chats and load balancers.
const VISITOR_COOKIES: &[&str] = &[
    "_dd",
    "_ga",
    "_gcl",
    "_hj",
    "_pk",
    "_sp_",
    "_uet",
    "ai_",
    "ajs",
    "amp",
    "crisp",
    "drift",
    "hubspot",
    "intercom",
    "mp_",
    "optimizely",
    "s_",
    "utm",
];

/// Whether a cookie carries a session, by its name; also for names of frameworks and apps that end like those they know
/// (`_gitlab_session`, `__Secure-next-auth.session-token`, `wordpress_logged_in_…`).
pub(crate) fn is_session_cookie(name: &str) -> bool {
    const LONGEST: usize = 64;
    let mut lower = [0_u8; LONGEST];
    let Some(lower) = lower.get_mut(..name.len()) else {
        return false;
    };
    for (slot, byte) in lower.iter_mut().zip(name.bytes()) {
        *slot = byte.to_ascii_lowercase();
    }
    let prefixes = [&b"__host-"[..], b"__secure-"];
    let bare = prefixes
        .iter()
        .find_map(|prefix| lower.strip_prefix(*prefix));
    let bare = bare.unwrap_or(lower);
    let is_known = SESSION_COOKIES.binary_search_by(|known| known.as_bytes().cmp(bare));
    if is_known.is_ok() {
        return true;
    }
    let starts = |beginnings: &[&str]| {
        let mut beginnings = beginnings.iter();
        beginnings.any(|beginning| bare.starts_with(beginning.as_bytes()))
    };
    let ends = |endings: &[&str]| {
        let mut endings = endings.iter();
        endings.any(|ending| bare.ends_with(ending.as_bytes()))
    };
    if starts(VISITOR_COOKIES) {
        return false;
    }
    ends(&[
        "session",
        "session-token",
        "session_token",
        "sessionid",
        "session_id",
        "access-token",
        "auth-token",
        ".sid",
        ":sess",
    ]) || starts(&[
        "aspsessionid",
        "wordpress_logged_in_",
        "wordpress_sec_",
        "remember_web_",
        "ory_session_",
        "moodlesession",
    ])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn schemes_have_their_kind_and_a_part_that_lasts() {
        for (value, kind, lasting) in [
            ("Bearer abc", "bearer", "abc"),
            ("DPoP abc", "bearer", "abc"),
            ("basic YTpi", "basic", "YTpi"),
            ("ApiKey abc", "api_key", "abc"),
            ("Token token=abc", "token", "token=abc"),
            ("GenieKey abc", "token", "abc"),
            ("abc123", "token", "abc123"),
            (
                "AWS4-HMAC-SHA256 Credential=AKIA/20260101/eu/s3/aws4_request, SignedHeaders=host, Signature=ab",
                "aws4",
                "AKIA/20260101/eu/s3/aws4_request",
            ),
            ("AWS AKIA:sig=", "aws4", "AKIA:sig="),
            (
                "Digest username=\"ann\", realm=\"r\", nonce=\"n\"",
                "digest",
                "ann",
            ),
            (
                "Hawk id=\"dh37\", ts=\"1\", nonce=\"j\", mac=\"6R\"",
                "hawk",
                "dh37",
            ),
            (
                "Signature keyId=\"k1\",algorithm=\"hs2019\",signature=\"x\"",
                "signature",
                "k1",
            ),
            ("SharedKey account:sig", "signature", "account"),
            ("HMAC-SHA256 x", "signature", "x"),
            (
                "OAuth oauth_consumer_key=\"c\", oauth_token=\"t\"",
                "oauth1",
                "t",
            ),
            ("Negotiate YII", "negotiate", "YII"),
        ] {
            let found = of_authorization(value.as_bytes());
            assert_eq!(found, Some((kind, lasting.as_bytes())), "{value}");
        }
        for value in [
            "",
            " ",
            "Bearer",
            "Bearer ",
            "Bearer null",
            "Bearer undefined",
            "null",
        ] {
            let found = of_authorization(value.as_bytes());
            assert!(
                found.is_none() || value == "Bearer" || value == "Bearer ",
                "{value}"
            );
        }
    }

    #[test]
    fn headers_are_told_by_their_name() {
        for (name, kind) in [
            ("x-api-key", "api_key"),
            ("apikey", "api_key"),
            ("x_apikey", "api_key"),
            ("ocp-apim-subscription-key", "api_key"),
            ("x-functions-key", "api_key"),
            ("x-goog-api-key", "api_key"),
            ("x-client-secret", "api_key"),
            ("x-auth-token", "token"),
            ("private-token", "token"),
            ("x-vault-token", "token"),
            ("x-amz-security-token", "token"),
            ("x-shopify-access-token", "token"),
            ("cf-access-jwt-assertion", "token"),
            ("x-auth", "token"),
            ("proxy-authorization", "token"),
            ("x-session-id", "token"),
            ("signature", "signature"),
            ("stripe-signature", "signature"),
            ("x-hub-signature-256", "signature"),
        ] {
            assert_eq!(of_header(name.as_bytes()), Some(kind), "{name}");
        }
        for name in [
            ":path",
            ":method",
            ":authority",
            "accept",
            "accept-language",
            "content-type",
            "content-length",
            "user-agent",
            "connection",
            "cookie",
            "origin",
            "if-match",
            "authorization",
            "x-request-id",
            "x-correlation-id",
            "x-csrf-token",
            "x-xsrf-token",
            "idempotency-key",
            "sec-websocket-key",
            "surrogate-key",
            "x-cache-key",
            "x-push-token",
            "x-page-token",
            "x-forwarded-host",
            "sec-fetch-site",
            "x-device-id",
            "etag",
            "",
        ] {
            assert_eq!(of_header(name.as_bytes()), None, "{name}");
        }
    }

    #[test]
    fn parameters_are_told_by_name_and_value() {
        let key = "k3Jd92mQpX7vL0aZ5tRw";
        for (name, value, kind) in [
            ("api_key", "x", Some("api_key")),
            ("apiKey", "x", Some("api_key")),
            ("api-key", "x", Some("api_key")),
            ("access_token", "x", Some("token")),
            ("X-Amz-Signature", "ab", Some("aws4")),
            ("sig", key, Some("signature")),
            ("key", key, Some("api_key")),
            ("token", key, Some("token")),
            ("key", "name", None),
            ("code", "DE", None),
            ("token", "next", None),
            ("sid", "17", None),
            ("page_token", key, None),
            ("api_key", "", None),
            ("q", key, None),
            ("key", "two words and 1 digit", None),
        ] {
            assert_eq!(of_parameter(name, value), kind, "{name}={value}");
        }
    }

    #[test]
    fn cookies_of_sessions_are_told_from_those_of_visitors() {
        for name in [
            "sid",
            "SESSIONID",
            "JSESSIONID",
            "PHPSESSID",
            "connect.sid",
            "_gitlab_session",
            "__Host-session",
            "myapp_session",
            "__Secure-next-auth.session-token",
            "authjs.session-token",
            "sb-access-token",
            "wordpress_logged_in_3f2a",
            "ASPSESSIONIDQQABCDEF",
            ".AspNetCore.Cookies",
            "remember_web_59ba36",
            "laravel_session",
            "ory_session_x",
            "_session_id",
        ] {
            assert!(is_session_cookie(name), "{name}");
        }
        for name in [
            "_ga",
            "_gid",
            "_hjSession_123",
            "_hjSessionUser_1",
            "ai_session",
            "s_sess",
            "_uetsid",
            "mp_1_mixpanel",
            "theme",
            "lang",
            "csrftoken",
            "XSRF-TOKEN",
            "AWSALB",
            "session_theme",
            "intercom-session",
            "consent",
            "",
        ] {
            assert!(!is_session_cookie(name), "{name}");
        }
    }

    #[test]
    fn lists_are_sorted() {
        assert!(SESSION_COOKIES.is_sorted());
        assert!(PARAMETERS.is_sorted_by_key(|(name, ..)| name));
    }

    proptest! {
        /// Any bytes: no panic, and at most so many places.
        #[test]
        fn any_bytes(value in prop::collection::vec(any::<u8>(), 0..80), names in prop::collection::vec("[a-z_-]{0,12}(key|token|id)?", 0..20)) {
            let _ = of_authorization(&value);
            let _ = of_header(&value);
            let _ = is_session_cookie(&String::from_utf8_lossy(&value));
            let mut seen = Credentials::default();
            for name in &names {
                let _ = of_parameter(name, "k3Jd92mQpX7vL0aZ5tRw");
                seen.note("token", "header", name);
            }
            prop_assert!(seen.places.len() <= MAX_PLACES && seen.kinds.len() <= 1);
        }
    }
}
