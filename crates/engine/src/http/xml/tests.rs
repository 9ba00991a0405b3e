//! Tests of [`super`].

use proptest::prelude::*;

use super::*;
use Anomaly as A;

type Leaves = Vec<(String, String)>;

fn run(body: &str, dialect: Dialect) -> (Leaves, Vec<Anomaly>) {
    let limits = Limits {
        depth: 8,
        ..Limits::default()
    };
    let mut parameters = Parameters::new(100);
    let found = parse(body.as_bytes(), false, dialect, &limits, &mut parameters);
    (
        parameters
            .iter()
            .map(|p| (p.name.into(), p.value.into()))
            .collect(),
        found.iter().collect(),
    )
}

fn leaves(expected: &[(&str, &str)]) -> Leaves {
    expected
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

/// Elements, attributes, CDATA, references and mixed content become parameters.
#[test]
fn xml() {
    for (body, expected) in [
        ("<a>1</a>", vec![("a", "1")]),
        (
            "<?xml version=\"1.0\"?>\n<o><i>1</i><i>2</i></o>\n",
            vec![("o.i", "1"), ("o.i", "2")],
        ),
        (
            "<o id=\"7\" x='a&amp;b'/>",
            vec![("o@id", "7"), ("o@x", "a&b"), ("o", "")],
        ),
        (
            "<s:E xmlns:s=\"urn:x\"><s:B>v</s:B></s:E>",
            vec![("E.B", "v")],
        ),
        ("<a><![CDATA[<x>&]]></a>", vec![("a", "<x>&")]),
        ("<a>x&lt;y&#65;&#x42;&apos;</a>", vec![("a", "x<yAB'")]),
        (
            "<a>one<b>two</b>three</a>",
            vec![("a", "one"), ("a.b", "two"), ("a", "three")],
        ),
        ("<a><!-- no --><b/></a>", vec![("a.b", "")]),
    ] {
        assert_eq!(
            run(body, Dialect::Xml),
            (leaves(&expected), vec![]),
            "{body}"
        );
    }
}

/// Broken and dangerous documents are flagged; no entity is expanded and nothing is lost.
#[test]
fn odd_xml() {
    let bomb = "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;\">]><x>&b;</x>";
    for (body, expected, anomalies) in [
        (
            "<a><b>1</a>",
            vec![("a.b", "1"), ("a.b", "</a>")],
            vec![A::MalformedXml],
        ),
        ("<a>1", vec![("a", "1")], vec![A::MalformedXml]),
        (
            "<a>1</a><b>2</b>",
            vec![("a", "1"), ("b", "2")],
            vec![A::MalformedXml],
        ),
        ("text", vec![("", "text")], vec![A::MalformedXml]),
        ("<a x=1/>", vec![("a", "")], vec![A::MalformedXml]),
        (
            "<a x='1' x='2'/>",
            vec![("a@x", "1"), ("a@x", "2"), ("a", "")],
            vec![A::MalformedXml],
        ),
        (bomb, vec![("x", "&b;")], vec![A::XmlDoctype, A::XmlEntity]),
        (
            "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><x>&e;</x>",
            vec![("x", "&e;")],
            vec![A::XmlDoctype, A::XmlEntity, A::XmlExternalEntity],
        ),
        (
            "<!DOCTYPE html><html>x</html>",
            vec![("html", "x")],
            vec![A::XmlDoctype],
        ),
        (
            "<a b=\"&x;\"/>",
            vec![("a@b", "&x;"), ("a", "")],
            vec![A::XmlEntity],
        ),
        (
            "<a><i xmlns:i=\"http://www.w3.org/2001/XInclude\" href=\"/etc/passwd\"/></a>",
            vec![("a.i@href", "/etc/passwd"), ("a.i", "")],
            vec![A::XmlExternalEntity],
        ),
    ] {
        assert_eq!(
            run(body, Dialect::Xml),
            (leaves(&expected), anomalies),
            "{body}"
        );
    }
}

/// OFX 1: header lines, elements without end tags, aggregates with them.
#[test]
fn sgml() {
    let body = "OFXHEADER:100\r\nDATA:OFXSGML\r\n\r\n<OFX><SON><STATUS><CODE>0<SEVERITY>A&amp;B</STATUS><USERID>ann\n<PASS>p w</SON></OFX>";
    let expected = [
        ("OFXHEADER", "100"),
        ("DATA", "OFXSGML"),
        ("OFX.SON.STATUS.CODE", "0"),
        ("OFX.SON.STATUS.SEVERITY", "A&B"),
        ("OFX.SON.USERID", "ann"),
        ("OFX.SON.PASS", "p w"),
    ];
    assert_eq!(run(body, Dialect::Sgml), (leaves(&expected), vec![]));
    assert_eq!(dialect_of(body.as_bytes()), Dialect::Sgml);
    assert_eq!(
        dialect_of(b"<?xml version='1.0'?><?OFX OFXHEADER='200'?><OFX/>"),
        Dialect::Sgml
    );
    assert_eq!(dialect_of(b"<o/>"), Dialect::Xml);
}

/// Deep nesting is flagged, costs no stack, and hides nothing.
#[test]
fn depth() {
    for depth in [9, 10_000] {
        let body = format!("{}deep{}", "<a>".repeat(depth), "</a>".repeat(depth));
        let (leaves, anomalies) = run(&body, Dialect::Xml);
        assert_eq!(anomalies, [A::DepthOverLimit]);
        assert_eq!(leaves, [("a.a.a.a.a.a.a.a".into(), "deep".into())]);
    }
}

/// The charset is found where XML and OFX declare it.
#[test]
fn charsets() {
    for (body, charset) in [
        (
            "<?xml version=\"1.0\" encoding='ISO-8859-1'?><a/>",
            Some("ISO-8859-1"),
        ),
        ("<?xml version=\"1.0\" encoding=\"utf-16\"?><a/>", None),
        ("<?xml version=\"1.0\"?><a encoding='x'/>", None),
        ("<a/>", None),
        ("OFXHEADER:100\nCHARSET:1252\n", Some("windows-1252")),
        ("OFXHEADER:100\nCHARSET:NONE\n", None),
    ] {
        assert_eq!(
            declared_charset(body.as_bytes()).as_deref(),
            charset,
            "{body}"
        );
    }
}

proptest! {
    /// Any text in either dialect: no panic.
    #[test]
    fn any_text(body in "(<|</|>|/>|a|b|&|;|#|=|\"|'|<!|DOCTYPE|\\[|\\]|<!\\[CDATA\\[|--|\\?| |\\PC){0,60}", sgml in any::<bool>()) {
        let _ = run(&body, if sgml { Dialect::Sgml } else { Dialect::Xml });
    }
}
