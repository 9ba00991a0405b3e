//! Small models of what servers do with a path; each says in which order it decodes, cuts and resolves, after its
//! documentation or source.

use proptest::prelude::*;
use starfort_engine::Engine;
use starfort_engine::bundle::{Action, Expr};

use super::{engine, get, on, policy};

type Server = (&'static str, fn(&str) -> Option<Vec<String>>);

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes
            .get(at + 1..at + 3)
            .and_then(|two| std::str::from_utf8(two).ok());
        match escape.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn cut_parameters(path: &str) -> String {
    path.split('/')
        .map(|one| one.split(';').next().unwrap())
        .collect::<Vec<_>>()
        .join("/")
}

fn resolve(path: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for part in path
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
    {
        if part == ".." {
            out.pop();
        } else {
            out.push(part.into());
        }
    }
    out
}

fn parts(path: &str) -> Vec<String> {
    path.split('/')
        .filter(|part| !part.is_empty())
        .map(Into::into)
        .collect()
}

const SERVERS: &[Server] = &[
    // `CoyoteAdapter.postParseRequest`: parameters, then decoding (`%2F` refused or decoded), then normalising.
    ("tomcat", |path| {
        Some(resolve(&decode(&cut_parameters(path)).replace('\\', "/")))
    }),
    // `UrlPathHelper`: parameters, decoding, double slashes; dots are left.
    ("spring", |path| Some(parts(&decode(&cut_parameters(path))))),
    // `HttpURI`: segments first, each without parameters and decoded, dots after.
    ("jetty", |path| {
        let segments = path
            .split('/')
            .map(|one| decode(one.split(';').next().unwrap()));
        let mut out: Vec<String> = Vec::new();
        for segment in segments.filter(|one| !one.is_empty() && one != ".") {
            if segment == ".." {
                out.pop();
            } else {
                out.push(segment);
            }
        }
        Some(out)
    }),
    // `path-to-regexp`: raw segments, letter case ignored, values decoded.
    ("express", |path| {
        Some(
            parts(path)
                .iter()
                .map(|part| decode(part).to_lowercase())
                .collect(),
        )
    }),
    // PATH_INFO is decoded as a whole; the router splits it.
    ("flask", |path| Some(parts(&decode(path)))),
    // `ngx_http_parse_complex_uri`: decoded, merged and resolved in one pass.
    ("nginx", |path| Some(resolve(&decode(path)))),
    // `URL.Path` is decoded; `ServeMux` cleans it (and redirects, which clients follow).
    ("go", |path| Some(resolve(&decode(path)))),
    // Kestrel: decoded but for `%2F`, dots resolved; routes ignore letter case.
    ("aspnet", |path| {
        let kept = path.replace("%2F", "%252F").replace("%2f", "%252f");
        Some(
            resolve(&decode(&kept))
                .iter()
                .map(|part| part.to_lowercase())
                .collect(),
        )
    }),
    // IIS: backslashes are slashes, and so is `%5C`.
    ("iis", |path| {
        Some(
            resolve(&decode(path).replace('\\', "/"))
                .iter()
                .map(|part| part.to_lowercase())
                .collect(),
        )
    }),
    // A gateway that decodes, in front of a server that does it again.
    ("twice", |path| Some(resolve(&decode(&decode(path))))),
    ("twice and cut", |path| {
        Some(resolve(&cut_parameters(&decode(&decode(path)))))
    }),
];

/// Whether a server's segments are `/private/{id}`, which it routes to its handler.
fn is_private(segments: &[String]) -> bool {
    matches!(segments, [first, second] if first == "private" && !second.is_empty())
}

fn spelling() -> impl Strategy<Value = String> {
    let slash = prop_oneof![
        6 => Just("/"), 1 => Just("//"), 1 => Just("%2f"), 1 => Just("%2F"), 1 => Just("%252f"), 1 => Just("%5c"),
        1 => Just("\\"), 1 => Just("/;/"), 1 => Just(";a=b/"), 1 => Just(";/"), 1 => Just("/./"), 1 => Just("%255c"),
    ];
    let up = prop_oneof![
        3 => Just(""), 1 => Just("public/../"), 1 => Just("public/..;/"), 1 => Just("public/%2e%2e;/"),
        1 => Just("public/..%2f"), 1 => Just("public%2f..%2f"), 1 => Just("public/%252e%252e/"),
        1 => Just("public/x/..;/..;a=b/"), 1 => Just("public/..%5c"), 1 => Just("public;/%2e%2e/"),
    ];
    let word = prop_oneof![
        4 => Just("private"), 1 => Just("%70rivate"), 1 => Just("%2570rivate"), 1 => Just("Private"),
        1 => Just("private;v=1"), 1 => Just("private%3bv=1"),
    ];
    let value = prop_oneof![
        3 => Just("7"), 1 => Just("a%20b"), 1 => Just("7;v=1"), 1 => Just("7%2Fx"), 1 => Just("..;"), 1 => Just("7.json"),
    ];
    let end = prop_oneof![4 => Just(""), 1 => Just("/"), 1 => Just(";"), 1 => Just("%2f"), 1 => Just("/.")];
    (slash.clone(), up, word, slash, value, end)
        .prop_map(|(first, up, word, second, value, end)| {
            format!("{first}{up}{word}{second}{value}{end}")
        })
        .prop_map(|path| {
            if path.starts_with(['/', '\\']) {
                path
            } else {
                format!("/{path}")
            }
        })
}

/// One that blocks `/private/{id}`, and one that lets `/public` pass before.
static ENGINES: std::sync::LazyLock<(Engine, Engine)> = std::sync::LazyLock::new(|| {
    let public = policy(
        "public",
        Some(&["/public/{name}", "/public/{name}/{part}"]),
        Expr::Bool(true),
        Action::Allow,
    );
    (
        engine(vec![on("/private/{id}")]),
        engine(vec![public, on("/private/{id}")]),
    )
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever spelling a server takes for `/private/{id}`: a policy that blocks it holds, and one that lets
    /// `/public` pass does not.
    #[test]
    fn no_server_is_reached_past_a_policy(path in spelling()) {
        // Envoy hands a plain backslash on as a slash.
        let handed_on = path.replace('\\', "/");
        let reached: Vec<&str> = SERVERS
            .iter()
            .filter(|(_, server)| server(&handed_on).is_some_and(|segments| is_private(&segments)))
            .map(|(name, _)| *name)
            .collect();
        if !reached.is_empty() {
            let told = get(&ENGINES.0, &path);
            prop_assert_eq!(told.action, "block", "{} reaches {:?}", path, reached);
            let told = get(&ENGINES.1, &path);
            prop_assert_eq!(told.action, "block", "{} reaches {:?}", path, reached);
        }
    }
}

/// The models are ways to the endpoint that differ: each takes some spelling that another one does not.
#[test]
fn models_of_servers_differ() {
    for (path, wanted) in [
        ("/private/7", 11),
        ("/public/..;/private/7", 3),
        ("/private%2f7", 8),
        ("/Private/7", 3),
        ("/private%252f7", 2),
    ] {
        let reached = SERVERS
            .iter()
            .filter(|(_, server)| server(path).is_some_and(|segments| is_private(&segments)));
        let names: Vec<_> = reached.map(|(name, _)| *name).collect();
        assert_eq!(names.len(), wanted, "{path}: {names:?}");
    }
}
