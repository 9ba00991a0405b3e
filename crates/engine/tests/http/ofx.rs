//! Messages of Open Financial Exchange: a few of our own, and those that others wrote where `STARFORT_CORPORA` has
//! them.

use std::path::PathBuf;

use starfort_engine::http::{Anomaly, Limits, Location, Parameters, body};

use crate::support;

/// Parameters and anomalies of a message that is sent with this type.
fn read(content_type: &str, message: &[u8]) -> (Parameters, bool, bool) {
    let mut parameters = Parameters::new(100_000);
    let parsed = body::parse(
        Some(content_type),
        None,
        message,
        false,
        &Limits::default(),
        &mut parameters,
    );
    let malformed = parsed.anomalies.contains(Anomaly::MalformedXml);
    let mismatch = parsed.anomalies.contains(Anomaly::ContentTypeMismatch);
    (parameters, malformed, mismatch)
}

/// A message, SGML or XML, under every type that banks send it with, gives its sign-on or statement elements by name,
/// and is not called malformed.
fn every_element_is_found(messages: Vec<(PathBuf, Vec<u8>)>) {
    for (path, bytes) in messages {
        let text = String::from_utf8_lossy(&bytes);
        for content_type in ["application/x-ofx", "text/xml", "application/xml"] {
            let (parameters, malformed, mismatch) = read(content_type, &bytes);
            let name = format!("{} as {content_type}", path.display());
            assert!(!malformed, "{name}");
            assert!(!mismatch, "{name}");
            for element in ["DTSERVER", "CURDEF", "TRNTYPE", "ORG"] {
                let sent = text.contains(&format!("<{element}>"));
                let found = parameters.iter().any(|p| {
                    p.location == Location::Body && p.name.ends_with(&format!(".{element}"))
                });
                assert_eq!(found, sent, "{element} in {name}");
            }
        }
    }
}

/// SGML and XML of our own are read in full.
#[test]
fn our_own_messages_are_read() {
    let mut messages = support::data("ofx");
    messages.retain(|(path, _)| !path.ends_with("unclosed.ofx"));
    assert_eq!(messages.len(), 2);
    every_element_is_found(messages);
}

/// So are the messages of banks and of other programs.
#[test]
fn messages_of_others_are_read() {
    let Some(messages) = support::corpus("ofx") else {
        return;
    };
    assert!(messages.len() >= 20);
    every_element_is_found(messages);
}

/// SGML and XML give the same values, entities undone.
#[test]
fn ofx_values_are_right() {
    for (path, bytes) in support::data("ofx") {
        let (parameters, _, _) = read("application/x-ofx", &bytes);
        let get = |name| parameters.get(Location::Body, name);
        let path = path.display();
        assert_eq!(
            get("OFX.SIGNONMSGSRSV1.SONRS.STATUS.CODE"),
            Some("0"),
            "{path}"
        );
        assert_eq!(
            get("OFX.SIGNONMSGSRSV1.SONRS.DTSERVER"),
            Some("20110614"),
            "{path}"
        );
        assert_eq!(
            get("OFX.SIGNONMSGSRSV1.SONRS.LANGUAGE"),
            Some("ENG"),
            "{path}"
        );
        let names: Vec<_> = parameters
            .iter()
            .filter(|parameter| parameter.name.ends_with(".STMTTRN.NAME"))
            .map(|parameter| parameter.value)
            .collect();
        assert!(
            names.is_empty() || names[0] == "Caf& <Nero>",
            "{path}: {names:?}"
        );
    }
}

/// A broken message does no harm, and the elements before the break are still found.
fn the_date_is_found(messages: Vec<(PathBuf, Vec<u8>)>, cuts: &[usize]) {
    for (path, bytes) in messages {
        for cut in cuts {
            let (part, _) = bytes.split_at(bytes.len() / cut);
            let (parameters, _, _) = read("application/x-ofx", part);
            let found = parameters.get(Location::Body, "OFX.SIGNONMSGSRSV1.SONRS.DTSERVER");
            assert_eq!(found, Some("20110614"), "{} cut to 1/{cut}", path.display());
        }
    }
}

/// Elements that never close, or close in the wrong order, hide nothing that comes before them.
#[test]
fn broken_ofx_is_read_as_far_as_it_goes() {
    let mut messages = support::data("ofx");
    messages.retain(|(path, _)| path.ends_with("unclosed.ofx"));
    the_date_is_found(messages, &[1, 2]);
}

/// The same holds for broken messages that others collected, cut off at several places.
#[test]
fn broken_ofx_of_others_is_read_as_far_as_it_goes() {
    let Some(messages) = support::corpus("ofx/broken") else {
        return;
    };
    assert!(!messages.is_empty());
    the_date_is_found(messages, &[1, 2, 3]);
}
