//! What rules can say: chains, skips, selections, captures, refusals, `ctl`, collections, phases.

use std::net::{IpAddr, Ipv4Addr};

use starfort_engine::client::geo::GeoRecord;
use starfort_engine::rules::wire::{
    Collection, Constant, Constants, Ctl, Disruptive, EngineMode, FORMAT, OperatorKind as O, Part,
    Rule, RuleAction, Selector, SetOp, SetVar, Settings, Target, Transformation as T,
    Variable as V,
};
use starfort_engine::rules::{Collections, Inspection, Refusal, Request, Rules};

use super::make::{
    after, always, count, link, load, named, not, packed, rule, rule_set, set, target, text, with,
};
use super::send::{Sent, get, run, run_with, tx};

/// A chain matches when all its links do; the first link's actions run all the same.
#[test]
fn chains() {
    let chain = |second: &str| {
        let first = with(
            link(&[target(V::Args)], O::Contains, "attack"),
            vec![set("seen", SetOp::Add, text("1"))],
        );
        vec![rule(
            1,
            2,
            vec![first, link(&[target(V::RequestMethod)], O::Streq, second)],
        )]
    };
    let sent = get("/?a=attack&b=attack&c=x");
    let told = run(chain("GET"), &sent);
    assert_eq!(
        (told.ids, tx(&run(chain("GET"), &sent), "seen")),
        (vec![1], Some("2")),
        "once for each value"
    );
    let told = run(chain("POST"), &sent);
    assert_eq!(
        (told.ids.as_slice(), tx(&told, "seen")),
        (&[][..], Some("2"))
    );
}

/// `skipAfter` passes over rules up to the marker, `skip` over a number of them, in their own phase.
#[test]
fn skips() {
    let plain = |id, phase| rule(id, phase, vec![always()]);
    let jump = Rule {
        skip_to: Some(3),
        ..plain(1, 1)
    };
    assert_eq!(
        run(
            vec![jump, plain(2, 1), plain(3, 1), plain(4, 1), plain(5, 2)],
            &get("/")
        )
        .ids,
        [1, 4, 5]
    );
    let hop = Rule {
        skip: 2,
        ..plain(1, 1)
    };
    let never = rule(2, 1, vec![link(&[target(V::Args)], O::Contains, "zzz")]);
    assert_eq!(
        run(
            vec![hop, never, plain(9, 2), plain(3, 1), plain(4, 1)],
            &get("/")
        )
        .ids,
        [1, 4, 9]
    );
}

/// Members by name (any case), by regular expression, and all but some.
#[test]
fn selections() {
    let by = |targets: &[Target]| {
        run(
            vec![rule(1, 2, vec![link(targets, O::Rx, "^x$")])],
            &get("/?Alpha=x&beta=x&gamma=y"),
        )
        .vars
    };
    let names =
        |vars: Vec<(String, String)>| vars.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(by(&[named(V::Args, "alpha")])), ["ARGS:Alpha"]);
    let regex = Target {
        selector: Some(Selector::Regex("^(be|ga)".into())),
        ..target(V::Args)
    };
    assert_eq!(names(by(std::slice::from_ref(&regex))), ["ARGS:beta"]);
    assert_eq!(
        names(by(&[target(V::Args), not(named(V::Args, "alpha"))])),
        ["ARGS:beta"]
    );
    assert_eq!(names(by(&[target(V::Args), not(regex)])), ["ARGS:Alpha"]);
    let counted = run(
        vec![rule(
            1,
            2,
            vec![link(&[count(target(V::Args))], O::Eq, "3")],
        )],
        &get("/?a=1&b=2&c=3"),
    );
    assert_eq!(counted.ids, [1]);
    let missing = rule(
        1,
        1,
        vec![link(&[count(named(V::RequestHeaders, "host"))], O::Eq, "0")],
    );
    assert_eq!(run(vec![missing], &get("/")).ids, [1]);
}

/// Captures are `TX:0` to `TX:9`; macros see them; the next capture clears them.
#[test]
fn captures_and_macros() {
    let mut first = link(&[named(V::Args, "a")], O::Rx, "(\\d+)-(\\d+)");
    first.capture = true;
    first.actions = vec![
        set("sum", SetOp::Set, vec![Part::Var(V::Tx, Some("1".into()))]),
        set("sum", SetOp::Add, vec![Part::Var(V::Tx, Some("2".into()))]),
        set(
            "of",
            SetOp::Set,
            vec![
                Part::Text("<".into()),
                Part::Var(V::MatchedVarName, None),
                Part::Text(">".into()),
            ],
        ),
    ];
    let mut second = link(&[named(V::Args, "b")], O::Rx, "x");
    second.capture = true;
    let told = run(
        vec![rule(1, 2, vec![first]), rule(2, 2, vec![second])],
        &get("/?a=12-30&b=x"),
    );
    assert_eq!(
        (
            tx(&told, "sum"),
            tx(&told, "of"),
            tx(&told, "0"),
            tx(&told, "1")
        ),
        (Some("42"), Some("<ARGS:a>"), Some("x"), None)
    );
}

/// A refusal is told only with the engine on, and ends all phases but the last.
#[test]
fn refusals_are_told() {
    let deny = || Rule {
        disruptive: Disruptive::Deny,
        status: Some(418),
        ..rule(1, 1, vec![always()])
    };
    let rules = || {
        vec![
            deny(),
            rule(2, 1, vec![always()]),
            rule(3, 2, vec![always()]),
            rule(5, 5, vec![always()]),
        ]
    };
    let told = run(rules(), &get("/"));
    assert_eq!((told.refused, told.ids), (Some((1, 418)), vec![1, 5]));
    let settings = Settings {
        engine: EngineMode::DetectionOnly,
        ..Settings::default()
    };
    let told = run_with(&load(rules(), settings), &Collections::default(), &get("/"));
    assert_eq!((told.refused, told.ids), (None, vec![1, 2, 3, 5]));
    let allow = Rule {
        disruptive: Disruptive::AllowRequest,
        ..rule(1, 1, vec![always()])
    };
    let told = run(
        vec![
            allow,
            rule(2, 2, vec![always()]),
            rule(3, 3, vec![always()]),
        ],
        &Sent {
            answer: Some((200, Vec::new())),
            ..get("/")
        },
    );
    assert_eq!(told.ids, [1, 3]);
    let redirect = Rule {
        disruptive: Disruptive::Redirect(text("https://example.com/")),
        ..rule(1, 1, vec![always()])
    };
    let rules = load(vec![redirect], Settings::default());
    let collections = Collections::default();
    let environment = rules.environment(&collections, 0).unwrap();
    let request = Request {
        method: b"GET",
        uri: b"/",
        protocol: b"HTTP/1.1",
        headers: &[],
        remote_addr: IpAddr::V4(Ipv4Addr::LOCALHOST),
        remote_port: 0,
        server_addr: None,
        server_port: 0,
        unique_id: b"",
    };
    let mut inspection = Inspection::begin(environment, &request, GeoRecord::default());
    inspection.request_headers(environment);
    assert_eq!(
        inspection.interruption().unwrap().refusal,
        Refusal::Redirect(b"https://example.com/".to_vec())
    );
}

/// `ctl` removes rules and targets for the rest of the transaction.
#[test]
fn removals() {
    let ctl = |ctl: Ctl| rule(1, 1, vec![with(always(), vec![RuleAction::Ctl(ctl)])]);
    let look = |id| rule(id, 2, vec![link(&[target(V::Args)], O::Contains, "attack")]);
    let sent = get("/?a=attack&b=attack");
    assert_eq!(
        run(
            vec![ctl(Ctl::RemoveRules(vec![1, 3])), look(2), look(3), look(4)],
            &sent
        )
        .ids,
        [1, 3]
    );
    let told = run(
        vec![
            ctl(Ctl::RemoveTarget(vec![1], named(V::Args, "a"))),
            look(2),
            look(3),
        ],
        &sent,
    );
    assert_eq!(
        told.vars
            .iter()
            .map(|(name, _)| name.as_str())
            .collect::<Vec<_>>(),
        ["ARGS:b", "ARGS:a", "ARGS:b"]
    );
}

/// `multiMatch` asks after each transformation that changed something.
#[test]
fn multi_match() {
    let mut many = after(
        link(&[target(V::Args)], O::Contains, "A"),
        &[T::Lowercase, T::UrlDecode],
    );
    let single = many.clone();
    many.multi_match = true;
    assert_eq!(
        run(
            vec![rule(1, 2, vec![many]), rule(2, 2, vec![single])],
            &get("/?x=A")
        )
        .ids,
        [1]
    );
}

/// Collections outlive the transaction, by key; variables expire.
#[test]
fn collections() {
    let begin = RuleAction::InitCol {
        collection: Collection::Ip,
        key: vec![Part::Var(V::RemoteAddr, None)],
    };
    let add = RuleAction::SetVar(SetVar {
        collection: Collection::Ip,
        key: text("hits"),
        op: SetOp::Add,
        value: text("1"),
    });
    let expire = RuleAction::ExpireVar {
        collection: Collection::Ip,
        key: text("hits"),
        seconds: text("60"),
    };
    let rules = load(
        vec![
            rule(1, 1, vec![with(always(), vec![begin, add, expire])]),
            rule(2, 1, vec![link(&[named(V::Ip, "hits")], O::Ge, "3")]),
        ],
        Settings::default(),
    );
    let collections = Collections::default();
    let at = |now_s| run_with(&rules, &collections, &Sent { now_s, ..get("/") }).ids;
    assert_eq!([at(100), at(110), at(120)], [vec![1], vec![1], vec![1, 2]]);
    assert_eq!(at(180), [1], "expired");
}

/// The response's body is seen by phase 4 when its type is one of those that are.
#[test]
fn responses() {
    let rules = || {
        vec![
            rule(1, 3, vec![link(&[target(V::ResponseStatus)], O::Eq, "500")]),
            rule(
                2,
                4,
                vec![link(&[target(V::ResponseBody)], O::Contains, "ORA-")],
            ),
        ]
    };
    assert_eq!(
        run(
            rules(),
            &Sent {
                answer: Some((500, b"ORA-00933".to_vec())),
                ..get("/")
            }
        )
        .ids,
        [1, 2]
    );
    assert!(
        run(
            rules(),
            &Sent {
                answer: Some((200, b"fine".to_vec())),
                ..get("/")
            }
        )
        .ids
        .is_empty()
    );
}

/// What is wrong with rules is said with file, line and id.
#[test]
fn errors_name_the_rule() {
    let bad = rule(77, 1, vec![link(&[target(V::Args)], O::Rx, "a(?=b)")]);
    let set = rule_set(vec![bad], Settings::default());
    let error = Rules::new(&packed(&set)).unwrap_err().to_string();
    assert!(error.contains("test.conf:1: rule 77"), "{error}");
}

/// Rules of another format are refused, so the bundle before stays.
#[test]
fn another_format_is_refused() {
    let mut set = rule_set(Vec::new(), Settings::default());
    assert!(Rules::new(&packed(&set)).is_ok());
    set.format = FORMAT - 1;
    let error = Rules::new(&packed(&set)).unwrap_err().to_string();
    assert!(error.contains("compile the rules again"), "{error}");
}

/// Rules that the control plane knows never to run are left out, and the variables that they would set are set. Who asks
/// every rule gets those as well.
#[test]
fn constants_stand_in_for_rules() {
    let sets = with(always(), vec![set("level", SetOp::Set, text("1"))]);
    let reads = link(&[named(V::Tx, "level")], O::Eq, "7");
    let mut set = rule_set(
        vec![rule(1, 1, vec![sets]), rule(2, 2, vec![reads])],
        Settings::default(),
    );
    set.constants = Constants {
        dead: vec![0, 99],
        initial: vec![("level".into(), Constant::Integer(7))],
    };
    let rules = Rules::new(&packed(&set)).unwrap();
    let mut sent = get("/");
    let chosen = run_with(&rules, &Collections::default(), &sent);
    assert_eq!(
        (chosen.ids.as_slice(), tx(&chosen, "level")),
        (&[2][..], Some("7"))
    );
    sent.exhaustive = true;
    let all = run_with(&rules, &Collections::default(), &sent);
    assert_eq!(
        (all.ids.as_slice(), tx(&all, "level")),
        (&[1][..], Some("1"))
    );
}
