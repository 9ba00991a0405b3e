//! Messages written by others: Open Financial Exchange. Skipped, saying so, where the corpora are missing.
#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot read its input must fail"
)]

use std::path::{Path, PathBuf};

use starfort_engine::http::{Anomaly, Limits, Location, Parameters, body};

/// `$STARFORT_CORPORA`, or `../shared/corpora` beside the repository.
fn corpus(name: &str) -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let root = std::env::var_os("STARFORT_CORPORA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora"),
        PathBuf::from,
    );
    let folder = root.join(name);
    let Ok(entries) = std::fs::read_dir(&folder) else {
        eprintln!(
            "skipped: no corpus at {} (set STARFORT_CORPORA)",
            folder.display()
        );
        return None;
    };
    let paths = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file());
    Some(
        paths
            .map(|path| (path.clone(), std::fs::read(&path).unwrap()))
            .collect(),
    )
}

/// Every OFX message, SGML or XML, under every type that banks send it with, gives its sign-on or statement
/// elements by name, and none is called malformed.
#[test]
fn ofx_messages_are_read() {
    let Some(files) = corpus("ofx") else { return };
    assert!(files.len() >= 20);
    for (path, bytes) in files {
        let text = String::from_utf8_lossy(&bytes);
        for content_type in ["application/x-ofx", "text/xml", "application/xml"] {
            let mut parameters = Parameters::new(100_000);
            let parsed = body::parse(
                Some(content_type),
                None,
                &bytes,
                false,
                &Limits::default(),
                &mut parameters,
            );
            let name = format!("{} as {content_type}", path.display());
            assert!(!parsed.anomalies.contains(Anomaly::MalformedXml), "{name}");
            assert!(
                !parsed.anomalies.contains(Anomaly::ContentTypeMismatch),
                "{name}"
            );
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

/// A known message gives exactly the values in it.
#[test]
fn ofx_values_are_right() {
    let Some(files) = corpus("ofx") else { return };
    let (_, bytes) = files
        .iter()
        .find(|(path, _)| path.ends_with("bank_medium.ofx"))
        .unwrap();
    let mut parameters = Parameters::new(1_000);
    let _ = body::parse(
        Some("application/x-ofx"),
        None,
        bytes,
        false,
        &Limits::default(),
        &mut parameters,
    );
    let get = |name| parameters.get(Location::Body, name);
    assert_eq!(get("OFXHEADER"), Some("100"));
    assert_eq!(get("OFX.SIGNONMSGSRSV1.SONRS.STATUS.CODE"), Some("0"));
    assert_eq!(
        get("OFX.SIGNONMSGSRSV1.SONRS.DTSERVER"),
        Some("20090523122017")
    );
    assert_eq!(get("OFX.SIGNONMSGSRSV1.SONRS.LANGUAGE"), Some("ENG"));
}

/// Broken messages do no harm, and their elements are still found.
#[test]
fn broken_ofx_is_read_as_far_as_it_goes() {
    let Some(files) = corpus("ofx/broken") else {
        return;
    };
    assert!(!files.is_empty());
    for (path, bytes) in files {
        for cut in [bytes.len(), bytes.len() / 2, bytes.len() / 3] {
            let mut parameters = Parameters::new(1_000);
            let part = &bytes[..cut];
            let _ = body::parse(
                Some("application/x-ofx"),
                None,
                part,
                false,
                &Limits::default(),
                &mut parameters,
            );
            let found = parameters.get(Location::Body, "OFX.SIGNONMSGSRSV1.SONRS.DTSERVER");
            assert_eq!(found, Some("20110614"), "{} cut at {cut}", path.display());
        }
    }
}
