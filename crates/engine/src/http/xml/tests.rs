//! Tests of [`super`].

use proptest::prelude::*;

use super::*;
use crate::http::Limits;
use crate::http::body::BodyKind;
use crate::http::collect::collected;
use Anomaly as A;

type Leaves = Vec<(String, String)>;

fn run(body: &str, dialect: Dialect) -> (Leaves, Vec<Anomaly>) {
    let limits = Limits {
        depth: 8,
        ..Limits::default()
    };
    let (parameters, found) = collected(BodyKind::Xml, &limits, |collect| {
        read(body.as_bytes(), false, dialect, collect);
    });
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

/// Broken and dangerous documents are flagged, and nothing is lost.
#[test]
fn odd_xml() {
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
        (
            "<a x=1/>",
            vec![("a@", " x=1"), ("a", "")],
            vec![A::MalformedXml],
        ),
        (
            "<a x='1' x='2'/>",
            vec![("a@x", "1"), ("a@x", "2"), ("a", "")],
            vec![A::MalformedXml],
        ),
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

/// What a document declares for itself is replaced, in texts and attributes, to its end.
#[test]
fn entities() {
    let text = |subset: &str, content: &str| {
        let body = format!("<!DOCTYPE x [{subset}]><x>{content}</x>");
        let (leaves, found) = run(&body, Dialect::Xml);
        assert_eq!(found, [A::XmlDoctype, A::XmlEntity], "{body}");
        leaves
            .into_iter()
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
            .join("|")
    };
    for (subset, content, expected) in [
        (
            "<!ENTITY a \"aa\"><!ENTITY b '&a;-&a;'>",
            "1&b;2",
            "1aa-aa2",
        ),
        ("<!ENTITY a '&#60;script>'>", "&a;", "<script>"),
        ("<!ENTITY a '&lt;b'>", "<y z='&a;'/>", "<b|"),
        ("<!ENTITY a 'first'><!ENTITY a 'second'>", "&a;", "first"),
        ("<!ENTITY % p \"<!ENTITY a 'evil'>\"> %p;", "&a;", "evil"),
        ("<!-- <!ENTITY a 'no'> --><!ENTITY b 'x'>", "&a;&b;", "&a;x"),
        ("<!ENTITY a 'SYSTEM'>", "&a;", "SYSTEM"),
    ] {
        assert_eq!(text(subset, content), expected, "{subset} {content}");
    }
}

/// Entities that stand for too much, or for themselves, are flagged and cost little.
#[test]
fn entity_bombs() {
    let levels: Vec<String> = (1..12)
        .map(|level| {
            let below = format!("&l{};", level - 1).repeat(10);
            format!("<!ENTITY l{level} \"{below}\">")
        })
        .collect();
    let levels = levels.concat();
    let many: Vec<String> = (0..300)
        .map(|index| format!("<!ENTITY e{index} 'x'>"))
        .collect();
    let big = "x".repeat(100_000);
    for (subset, content) in [
        (format!("<!ENTITY l0 \"lol\">{levels}"), "&l11;".to_owned()),
        (format!("<!ENTITY l0 \"\">{levels}"), "&l11;".to_owned()),
        ("<!ENTITY a '&a;'>".to_owned(), "&a;".to_owned()),
        (
            "<!ENTITY a '&b;'><!ENTITY b '&a;&a;'>".to_owned(),
            "&a;".to_owned(),
        ),
        (format!("<!ENTITY a '{big}'>"), "&a;".repeat(10_000)),
        (
            format!("<!ENTITY % a '{big}'>{}", "%a;".repeat(10_000)),
            "x".to_owned(),
        ),
        ("<!ENTITY % a '%a;%a;'>%a;".to_owned(), "x".to_owned()),
        (many.concat(), "&e1;".to_owned()),
    ] {
        let body = format!("<!DOCTYPE x [{subset}]><x>{content}</x>");
        let (leaves, found) = run(&body, Dialect::Xml);
        assert!(found.contains(&A::XmlEntityOverLimit), "{}", &body[..60]);
        let size: usize = leaves.iter().map(|(_, value)| value.len()).sum();
        assert!(size < 600_000, "{size}");
    }
}

/// Text outside of the root is told, and costs no more for what stands between.
#[test]
fn text_outside() {
    let body = format!(
        "{}x{}<a>1</a>",
        " ".repeat(100_000),
        "<!---->".repeat(50_000)
    );
    let (leaves, found) = run(&body, Dialect::Xml);
    assert_eq!(
        (leaves, found),
        (
            self::leaves(&[("", "x"), ("a", "1")]),
            vec![A::MalformedXml]
        )
    );
}

/// Only what may be fetched is external; the document types that drawing programs write are not.
#[test]
fn document_types() {
    for (declaration, is_external) in [
        ("<!DOCTYPE x SYSTEM \"http://evil.example/x.dtd\">", true),
        (
            "<!DOCTYPE x PUBLIC \"-//x\" \"http://evil.example/x.dtd\">",
            true,
        ),
        (
            "<!DOCTYPE x PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://evil.example/svg11.dtd\">",
            true,
        ),
        (
            "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://evil.example/x.dtd\"> %p;]>",
            true,
        ),
        (
            "<!DOCTYPE x [<!ENTITY e PUBLIC 'x' 'file:///etc/passwd'>]>",
            true,
        ),
        (
            "<!DOCTYPE x PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">",
            false,
        ),
        (
            "<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">",
            false,
        ),
        (
            "<!DOCTYPE cXML SYSTEM \"http://xml.cxml.org/schemas/cXML/1.2.014/cXML.dtd\">",
            false,
        ),
        (
            "<!DOCTYPE cXML SYSTEM \"http://xml.cxml.org.evil.example/cXML.dtd\">",
            true,
        ),
        (
            "<!DOCTYPE x SYSTEM \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">",
            true,
        ),
        (
            "<!DOCTYPE x PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/x?y=z\">",
            true,
        ),
        ("<!DOCTYPE x>", false),
        ("<!DOCTYPE x [<!ENTITY SYSTEM 'PUBLIC'>]>", false),
    ] {
        let (_, found) = run(&format!("{declaration}<x/>"), Dialect::Xml);
        assert!(found.contains(&A::XmlDoctype), "{declaration}");
        assert_eq!(
            found.contains(&A::XmlExternalEntity),
            is_external,
            "{declaration}"
        );
    }
}

/// Ends of nothing, as many as there are, are ignored in no time.
#[test]
fn sgml_ends() {
    let body = format!(
        "<OFX>{}{}<b>1</OFX>",
        "<a>".repeat(20_000),
        "</x>".repeat(20_000)
    );
    let (leaves, _) = run(&body, Dialect::Sgml);
    assert!(
        leaves.contains(&(
            ["OFX"]
                .iter()
                .chain(&["a"; 7])
                .copied()
                .collect::<Vec<_>>()
                .join("."),
            "1".into()
        )),
        "{leaves:?}"
    );
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
