//! What an event shows of a rule that matched: the rule, its message, the variable, and the masked value.

use serde::Serialize;

use crate::rules::program::macros::CompiledPart;
use crate::rules::program::tx::Names;
use crate::rules::run::mask::{MAX_MASKED_BYTES, mask};
use crate::rules::run::report::{MatchedRule, MatchedVar};
use crate::secret::names_secret;

/// How many rules an event has evidence of. The most severe ones are kept, so that harmless matches cannot push out an
/// attack.
const MAX_EVIDENCE: usize = 8;

/// The most bytes of a member's name that is shown. A longer name, or one with other characters, is left out.
const MAX_MEMBER_BYTES: usize = 64;

/// Headers whose whole value is a secret, whatever it looks like.
const SECRET_HEADERS: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
];

/// Names of severities (`ModSecurity` v3 reference manual, `severity`).
const SEVERITIES: [&str; 8] = [
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "info",
    "debug",
];

/// One match. It contains nothing that a client wrote except names of parameters, as in the event's `parameters`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Evidence {
    /// The id of the rule.
    pub(crate) rule: u64,
    /// The rule's message. What it quotes from the request is masked.
    pub(crate) message: String,
    /// The name of the severity, `emergency` to `debug`; "" when the rule has none.
    pub(crate) severity: &'static str,
    /// The variable, such as `ARGS:comment`; "" when the rule looked at nothing in the request.
    pub(crate) variable: String,
    /// The masked value; for a secret its length, as in `{secret, 12 bytes}`.
    pub(crate) value: String,
    /// Whether the match scores nothing, because the value is content of a field where people write and does not break
    /// out of that field.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) weighed: bool,
}

/// The evidence of a transaction so far.
#[derive(Debug, Default)]
pub(crate) struct Evidences {
    /// Each match with its severity; 0 is the most severe.
    kept: Vec<(u8, Evidence)>,
}

impl Evidences {
    /// Keeps a match, unless enough others are at least as severe.
    ///
    /// # Arguments
    /// * `secret` - a parameter whose value is a secret in this request, such as the password of a log-in.
    pub(crate) fn note(&mut self, rule: &MatchedRule<'_>, names: &Names, secret: Option<&str>) {
        self.keep(
            rule.severity.unwrap_or(u8::MAX),
            Evidence::of(rule, names, secret),
        );
    }

    /// Keeps a match that scores nothing, if there is room beside those that score.
    pub(crate) fn note_weighed(
        &mut self,
        rule: &MatchedRule<'_>,
        names: &Names,
        secret: Option<&str>,
    ) {
        let evidence = Evidence {
            weighed: true,
            ..Evidence::of(rule, names, secret)
        };
        self.keep(u8::MAX, evidence);
    }

    fn keep(&mut self, severity: u8, evidence: Evidence) {
        let known = self
            .kept
            .iter()
            .position(|(_, known)| known.rule == evidence.rule);
        if let Some(place) = known {
            let counts = self
                .kept
                .get(place)
                .is_some_and(|(_, known)| !known.weighed);
            // A match that counts replaces a weighed one of the same rule, never the other way round.
            if counts || evidence.weighed {
                return;
            }
            self.kept.remove(place);
        }
        if self.kept.len() >= MAX_EVIDENCE {
            // The least severe match is dropped if the new one is more severe.
            let least = self
                .kept
                .iter()
                .enumerate()
                .max_by_key(|(_, (severity, _))| *severity);
            let Some(place) = least
                .filter(|(_, (least, _))| severity < *least)
                .map(|(place, _)| place)
            else {
                return;
            };
            self.kept.remove(place);
        }
        self.kept.push((severity, evidence));
    }

    /// Each match as a JSON object, the most severe first.
    pub(crate) fn into_rows(mut self) -> Vec<String> {
        self.kept.sort_by_key(|(severity, _)| *severity);
        let row =
            |(_, evidence): (u8, Evidence)| serde_json::to_string(&evidence).unwrap_or_default();
        self.kept.into_iter().map(row).collect()
    }
}

impl Evidence {
    fn of(rule: &MatchedRule<'_>, names: &Names, secret: Option<&str>) -> Self {
        // A variable of the request is shown, not what rules made of it.
        let var = rule
            .vars
            .iter()
            .find(|var| !var.name.starts_with(b"TX:") && !var.name.starts_with(b"MATCHED_"));
        Self {
            rule: rule.id,
            message: message(rule, names),
            severity: rule
                .severity
                .and_then(|severity| SEVERITIES.get(usize::from(severity)))
                .unwrap_or(&""),
            variable: var.and_then(|var| member(&var.name)).unwrap_or_default(),
            value: var.map_or_else(String::new, |var| value(var, rule.logdata, secret)),
            weighed: false,
        }
    }
}

fn value(var: &MatchedVar, logdata: &[u8], secret: Option<&str>) -> String {
    if is_secret(&var.name, secret) {
        return format!("{{secret, {} bytes}}", var.value.len());
    }
    mask(&var.value, matched_part(logdata))
}

/// The part of the value that matched. The Core Rule Set logs it as `Matched Data: PART found within NAME: VALUE`.
fn matched_part(logdata: &[u8]) -> Option<&[u8]> {
    let rest = logdata.strip_prefix(b"Matched Data: ")?;
    rest.get(..memchr::memmem::find(rest, b" found within ")?)
}

/// Whether a variable's name says that its value is a secret.
fn is_secret(name: &[u8], secret: Option<&str>) -> bool {
    let name = String::from_utf8_lossy(name);
    let Some((variable, member)) = name.split_once(':') else {
        return false;
    };
    // The values of these collections are names, which are no secrets.
    if variable.ends_with("_NAMES") {
        return false;
    }
    // What a decoder made of a secret is a secret too.
    let base = member.split('|').next().unwrap_or(member);
    if variable.ends_with("COOKIES")
        || base.starts_with("cookie.")
        || base.starts_with("authorization")
        || member.contains("|jwt.")
        || secret.is_some_and(|secret| last(base) == last(secret))
    {
        return true;
    }
    let member = member.to_ascii_lowercase();
    if SECRET_HEADERS.contains(&member.as_str()) {
        return true;
    }
    names_secret(&member)
}

/// The last name of a path, such as `password` in `json.user.password`.
fn last(member: &str) -> &str {
    member.rsplit('.').next().unwrap_or(member)
}

/// A target as people see it: `ARGS:comment`, or only `ARGS` when the member's name is long or not plain, because
/// clients choose names and must not put payload into events.
fn member(name: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(name);
    let (variable, key) = text.split_once(':').unwrap_or((&text, ""));
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.$[]-|@".contains(&byte);
    if key.is_empty() || key.len() > MAX_MEMBER_BYTES || !key.bytes().all(plain) {
        return (!variable.is_empty()).then(|| variable.to_owned());
    }
    Some(format!("{variable}:{key}"))
}

/// The rule's message: its own words are kept, what it quotes is masked, and scores are shown as numbers.
fn message(rule: &MatchedRule<'_>, names: &Names) -> String {
    let mut out = String::new();
    let mut rest = rule.msg;
    let parts = rule.template.map_or(&[][..], |template| &template.0[..]);
    for (place, part) in parts.iter().enumerate() {
        if let CompiledPart::Text(text) = part {
            let Some(after) = rest.strip_prefix(&**text) else {
                break;
            };
            out.push_str(&String::from_utf8_lossy(text));
            rest = after;
            continue;
        }
        // A quote ends where the rule's next words begin; whatever is in it is masked.
        let end = match parts.get(place + 1) {
            Some(CompiledPart::Text(text)) => {
                memchr::memmem::find(rest, text).unwrap_or(rest.len())
            }
            Some(_) => 0,
            None => rest.len(),
        };
        let (quoted, after) = rest.split_at_checked(end).unwrap_or((rest, &[]));
        if matches!(part, CompiledPart::Tx(place) if is_score(names, *place))
            // A score has few digits, so a card number in a variable of that name is still masked.
            && quoted.len() <= 6
            && quoted.iter().all(u8::is_ascii_digit)
        {
            out.push_str(&String::from_utf8_lossy(quoted));
        } else {
            out.push_str(&mask(quoted, None));
        }
        rest = after;
    }
    let mut end = out.len().min(MAX_MASKED_BYTES);
    // A message is UTF-8, and must not be cut within a character.
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}

/// Whether a variable of `TX` is a score. Only rules write scores.
fn is_score(names: &Names, place: u16) -> bool {
    let name = names.names.get(usize::from(place));
    name.is_some_and(|name| memchr::memmem::find(name, b"score").is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::program::macros::CompiledMacro;
    use crate::rules::wire::{Part, Variable};

    fn var(name: &str, value: &str) -> MatchedVar {
        MatchedVar {
            name: name.into(),
            value: value.into(),
        }
    }

    fn rule(id: u64, severity: Option<u8>, vars: &[MatchedVar]) -> MatchedRule<'_> {
        MatchedRule {
            id,
            phase: 2,
            severity,
            tags: &[],
            rev: "",
            ver: "",
            log: true,
            audit_log: true,
            file: "",
            line: 1,
            msg: b"",
            template: None,
            logdata: b"",
            vars,
        }
    }

    fn evidence_of(name: &str, value: &str, secret: Option<&str>) -> Evidence {
        Evidence::of(
            &rule(1, Some(2), &[var(name, value)]),
            &Names::default(),
            secret,
        )
    }

    #[test]
    fn variables_are_named_by_plain_members_only() {
        assert_eq!(member(b"ARGS:comment").as_deref(), Some("ARGS:comment"));
        assert_eq!(
            member(b"STARFORT_ARGS:json.text|base64").as_deref(),
            Some("STARFORT_ARGS:json.text|base64")
        );
        assert_eq!(member(b"ARGS:<script>").as_deref(), Some("ARGS"));
        assert_eq!(member(b"REQUEST_URI").as_deref(), Some("REQUEST_URI"));
        assert_eq!(
            member("ARGS:".repeat(40).as_bytes()).as_deref(),
            Some("ARGS")
        );
        assert_eq!(member(b"ARGS:\xff\xfe").as_deref(), Some("ARGS"));
        assert_eq!(member(b""), None);
    }

    #[test]
    fn values_of_secrets_are_lengths() {
        for name in [
            "REQUEST_HEADERS:Authorization",
            "REQUEST_HEADERS:cookie",
            "REQUEST_HEADERS:x-api-key",
            "RESPONSE_HEADERS:set-cookie",
            "REQUEST_COOKIES:anything",
            "ARGS:new_password",
            "ARGS_POST:json.user.accessToken",
            "ARGS:json.card.cvv",
            "ARGS:client-secret",
            "ARGS:json.login.code",
            "STARFORT_ARGS:authorization.user",
            "STARFORT_ARGS:authorization.token|jwt.sub",
            "STARFORT_ARGS:cookie.prefs|percent|json.a",
            "STARFORT_ARGS:json.text|jwt.sub",
            "STARFORT_ARGS:header.x-api-key|base64",
            "STARFORT_ARGS:json.code|base64",
        ] {
            assert_eq!(
                evidence_of(name, "or 1=1 hunter2", Some("code")).value,
                "{secret, 14 bytes}",
                "{name}"
            );
        }
        for name in [
            "ARGS:comment",
            "ARGS_NAMES:password",
            "REQUEST_URI",
            "REQUEST_HEADERS:user-agent",
            "ARGS:author",
            "ARGS:code",
            "STARFORT_ARGS:path.2",
            "STARFORT_ARGS:header.x-tenant|base64",
        ] {
            assert_eq!(
                evidence_of(name, "or 1=1 hunter2", None).value,
                "or 9=9 x{7}",
                "{name}"
            );
        }
    }

    #[test]
    fn what_rules_made_of_a_request_is_not_what_matched() {
        let vars = [
            var("TX:1", "a"),
            var("MATCHED_VAR", "b"),
            var("ARGS:q", "sleep(5)"),
        ];
        let shown = Evidence::of(&rule(7, None, &vars), &Names::default(), None);
        assert_eq!(
            (shown.variable.as_str(), shown.value.as_str()),
            ("ARGS:q", "sleep(9)")
        );
        assert_eq!(shown.severity, "");
        let nothing = Evidence::of(&rule(7, Some(2), &vars[..1]), &Names::default(), None);
        assert_eq!(
            (nothing.variable.as_str(), nothing.value.as_str()),
            ("", "")
        );
        assert_eq!(nothing.severity, "critical");
    }

    #[test]
    fn the_logged_part_is_where_values_are_cut() {
        let vars = [var("ARGS:q", &format!("{}<script>x", "word ".repeat(100)))];
        let logged = MatchedRule {
            logdata: b"Matched Data: <script> found within ARGS:q: word word",
            ..rule(1, None, &vars)
        };
        let shown = Evidence::of(&logged, &Names::default(), None);
        assert!(shown.value.ends_with("<script>a"), "{}", shown.value);
    }

    #[test]
    fn a_message_quotes_masked() {
        let mut names = Names::default();
        let part = |name: &str| Part::Var(Variable::Tx, Some(name.into()));
        let text = |text: &str| Part::Text(text.into());
        let parts = [
            vec![
                text("Restricted ("),
                Part::Var(Variable::MatchedVar, None),
                text(")"),
            ],
            vec![text("Score: "), part("blocking_inbound_anomaly_score")],
            vec![text("Captured: "), part("0")],
            vec![text("Found "), part("0"), part("1"), text(" there")],
        ];
        let templates = parts.map(|parts| CompiledMacro::new(&parts, &mut names));
        let said = |which: usize, msg: &str| {
            let rule = MatchedRule {
                msg: msg.as_bytes(),
                template: templates.get(which),
                ..rule(1, None, &[])
            };
            message(&rule, &names)
        };
        assert_eq!(said(0, "Restricted (/secret42)/)"), "Restricted (/x{8})");
        assert_eq!(said(0, "Restricted (hunter)"), "Restricted (a{6})");
        assert_eq!(said(1, "Score: 15"), "Score: 15");
        assert_eq!(said(1, "Score: hunter"), "Score: a{6}");
        assert_eq!(said(2, "Captured: 1234"), "Captured: 9{4}");
        assert_eq!(said(3, "Found hunter2 there"), "Found x{7} there");
        assert_eq!(said(3, "something else"), "");
        let long = said(0, &format!("Restricted ({})", "/x".repeat(500)));
        assert!(long.len() <= MAX_MASKED_BYTES);
    }

    #[test]
    fn the_most_severe_are_kept_each_rule_once() {
        let vars = [var("ARGS:q", "x")];
        let mut evidence = Evidences::default();
        for id in 0..20 {
            evidence.note(&rule(id, Some(5), &vars), &Names::default(), None);
        }
        for (id, severity) in [(100, Some(2)), (100, Some(2)), (101, None), (102, Some(3))] {
            evidence.note(&rule(id, severity, &vars), &Names::default(), None);
        }
        let rows = evidence.into_rows();
        assert_eq!(rows.len(), MAX_EVIDENCE);
        assert_eq!(
            rows[0],
            r#"{"rule":100,"message":"","severity":"critical","variable":"ARGS:q","value":"a"}"#
        );
        assert!(rows[1].contains(r#""rule":102"#));
        assert!(
            rows[2..]
                .iter()
                .all(|row| row.contains(r#""severity":"notice""#)),
            "{rows:?}"
        );
    }
}
