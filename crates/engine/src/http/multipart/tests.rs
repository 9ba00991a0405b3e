//! Tests of [`super`].

use proptest::prelude::*;

use super::*;
use crate::http::body::read_part;
use crate::http::collect::collected;
use crate::http::{Anomaly as A, Limits};

type Fields = Vec<(String, String)>;

/// What was told of a body.
#[derive(Debug, Default)]
struct Told {
    files: Vec<(String, String)>,
    fields: Fields,
    contents: Vec<Vec<u8>>,
    flags: Flags,
}

impl Listener for Told {
    fn part(&mut self, part: &Part<'_>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        for name in part.names() {
            for file_name in &part.file_names {
                self.files.push((text(name), text(file_name)));
            }
        }
        for (name, value) in part.fields() {
            self.fields.push((text(name), text(value)));
        }
        self.contents.push(part.content.to_vec());
    }

    fn multipart(&mut self, flags: &Flags) {
        self.flags = flags.clone();
    }
}

const FORM: &str = "multipart/form-data; boundary=B";

fn told(content_type: &str, body: &[u8]) -> Told {
    let mut told = Told::default();
    read(Some(content_type), body, false, 0, read_part, &mut told);
    told
}

fn run(body: &str) -> (Fields, Vec<Anomaly>) {
    let limits = Limits {
        multipart_parts: 4,
        ..Limits::default()
    };
    let (parameters, found) = collected(BodyKind::Multipart, &limits, |collect| {
        read(Some(FORM), body.as_bytes(), false, 0, read_part, collect);
    });
    let fields = parameters
        .iter()
        .map(|p| (p.name.into(), p.value.into()))
        .collect();
    (fields, found.iter().collect())
}

fn field(name: &str, value: &str) -> String {
    format!("--B\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
}

fn file(parameters: &str, content: &str) -> String {
    format!(
        "--B\r\nContent-Disposition: form-data; name=\"f\"; {parameters}\r\n\r\n{content}\r\n--B--\r\n"
    )
}

fn pairs(expected: &[(&str, &str)]) -> Fields {
    expected
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

/// Fields and files as browsers and curl send them.
#[test]
fn well_formed() {
    let body = format!("{}{}--B--\r\n", field("a", ""), field("a[]", "x"));
    assert_eq!(run(&body), (pairs(&[("a", ""), ("a[]", "x")]), vec![]));

    let body = "--B \r\nContent-Disposition: form-data; name=\"f\"; filename=\"a \\\"b\\\".txt\"\r\nContent-Type: text/plain\r\n\r\n in-line? --B content\r\n--B--";
    let got = told(FORM, body.as_bytes());
    // Not every server knows escapes.
    assert_eq!(got.files, pairs(&[("f", "a \"b\".txt"), ("f", "a ")]));
    assert_eq!(got.contents, [b" in-line? --B content"]);
    assert!(!got.flags.is_strict(), "{:?}", got.flags);
}

/// Go takes a part whose file name is empty for a field, Spring what a browser made, PHP one whose file name is only in
/// an extended form, and others one whose last line says nothing of a file.
#[test]
fn files_that_are_fields_to_some_servers() {
    for parameters in [
        "filename=\"\"",
        "filename=\"blob\"\r\nContent-Type: application/json",
        "filename*=utf-8''na%C3%AFve.txt",
        "filename=\"a.txt\"\r\nContent-Disposition: form-data; name=\"f\"",
    ] {
        let got = told(FORM, file(parameters, "text").as_bytes());
        assert_eq!(got.fields, pairs(&[("f", "text")]), "{parameters}");
    }
    let named = told(FORM, file("filename=\"a.txt\"", "text").as_bytes());
    assert!(named.fields.is_empty());
}

/// What any file may hold, and what ordinary clients write, is nothing odd.
#[test]
fn ordinary() {
    let boundary = "multipart/form-data; boundary=\"B\"";
    let charset = "multipart/form-data; charset=utf-8; boundary=B; x=y";
    for (name, content_type, body) in [
        (
            "line feeds in a text file",
            FORM,
            file("filename=\"a.txt\"", "one\ntwo\n\nthree\n"),
        ),
        (
            "bytes of a PNG",
            FORM,
            file("filename=\"a.png\"", "\u{89}PNG\r\n\u{1a}\n\0\0\rIHDR"),
        ),
        (
            "dashes in a file",
            FORM,
            file(
                "filename=\"a.md\"",
                "# a\n---\n--- b\n--\n--C--\r\n--- a/x\r\n+++ b/x",
            ),
        ),
        (
            "dashes in a field",
            FORM,
            field("a", "--\r\n-- \r\n--other") + "--B--",
        ),
        ("a quoted boundary", boundary, field("a", "1") + "--B--\r\n"),
        (
            "a charset before the boundary",
            charset,
            field("a", "1") + "--B--\r\n",
        ),
        (
            "an apostrophe",
            FORM,
            file("filename=\"O'Brien's.pdf\"", "x"),
        ),
        (
            "an apostrophe in a name",
            FORM,
            field("o'clock", "1") + "--B--\r\n",
        ),
        ("no file chosen", FORM, file("filename=\"\"", "")),
        ("a form without a field", FORM, "--B--\r\n".into()),
        (
            "a name in UTF-8",
            FORM,
            file("filename=\"r\u{e9}sum\u{e9}.pdf\"", "x"),
        ),
        (
            "a binary part",
            FORM,
            file(
                "filename=\"a\"\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary",
                "\0\n\0",
            ),
        ),
        (
            "a token",
            FORM,
            field("a", "1").replace("\"a\"", "a") + "--B--",
        ),
        (
            "a length in the part's head",
            FORM,
            field("a", "1").replace("\r\n\r\n", "\r\nContent-Length: 1\r\n\r\n") + "--B--",
        ),
        (
            "an old path",
            FORM,
            file("filename=\"C:\\temp\\new.txt\"", "x"),
        ),
        ("a line behind it", FORM, field("a", "1") + "--B--\r\n\r\n"),
    ] {
        let got = told(content_type, body.as_bytes());
        assert!(!got.flags.is_strict(), "{name}: {:?}", got.flags);
        assert!(!got.flags.unmatched_boundary, "{name}");
        let (_, found) = run(&body);
        assert_eq!(found, vec![], "{name}");
    }
}

/// Name, body, fields, and what is flagged.
type Odd = (
    &'static str,
    String,
    &'static [(&'static str, &'static str)],
    fn(&Flags) -> bool,
);

/// What readers disagree on is flagged and still read.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn odd() {
    let part = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n";
    let body = format!("{part}--B--\r\n");
    let one = &[("a", "1")][..];
    let long = field("a", "x").replace("Content-D", &("X: y\r\n".repeat(64) + "Content-D"));
    let cases: Vec<Odd> = vec![
        ("no end", part.into(), &[("a", "1\r\n")], |f| {
            f.error.is_some()
        }),
        ("bare LF", body.replace("\r\n", "\n"), one, |f| {
            f.lf_line && !f.crlf_line
        }),
        ("one bare LF", body.replacen("\r\n", "\n", 1), one, |f| {
            f.lf_line && f.crlf_line
        }),
        ("no name", body.replace("; name=a", ""), &[("", "1")], |f| {
            f.error.is_some()
        }),
        (
            "two names",
            body.replace("name=a", "name=a; name=b"),
            &[("a", "1"), ("b", "1")],
            |f| f.error.is_some(),
        ),
        (
            "attachment",
            body.replace("form-data", "attachment"),
            one,
            |f| f.error.is_some(),
        ),
        ("folded", body.replace("; name", ";\r\n name"), one, |f| {
            f.header_folding
        }),
        (
            "folded first",
            body.replace("Content-D", " x\r\nContent-D"),
            one,
            |f| f.invalid_header_folding,
        ),
        (
            "another word",
            body.replace("1\r\n", "1\r\n--Bx\r\n2\r\n"),
            &[("a", "1\r\n--Bx\r\n2")],
            |f| f.invalid_part,
        ),
        (
            "no empty line",
            body.replace("\r\n\r\n1\r\n", "\r\n"),
            &[("a", "")],
            |f| f.invalid_part,
        ),
        (
            "no content",
            body.replace("\r\n\r\n1\r\n", "\r\n\r\n"),
            &[("a", "")],
            |f| f.invalid_part,
        ),
        (
            "a control character",
            body.replace("; name=a", "; name=a\r\nX: a\u{b}b"),
            one,
            |f| f.invalid_part,
        ),
        (
            "a NUL",
            body.replace("name=a", "name=\"a\0b\""),
            &[("a\0b", "1")],
            |f| f.invalid_part,
        ),
        (
            "single quotes",
            body.replace("name=a", "name='a'"),
            &[("'a'", "1")],
            |f| f.invalid_quoting,
        ),
        (
            "an open quote",
            body.replace("name=a", "name=\"a"),
            one,
            |f| f.invalid_quoting,
        ),
        (
            "no semicolon",
            body.replace("; name=a", "; x=\"y\" name=a"),
            one,
            |f| f.missing_semicolon,
        ),
        (
            "a blank in a name",
            body.replace("name=a", "name=a b"),
            &[("a", "1"), ("a b", "1")],
            |f| f.missing_semicolon,
        ),
        ("data before", format!("x\r\n{body}"), one, |f| {
            f.data_before
        }),
        ("data after", format!("{body}x"), one, |f| f.data_after),
        (
            "no colon",
            body.replace("Content-D", "x\r\nContent-D"),
            one,
            |f| f.error.is_some(),
        ),
        (
            "long headers",
            long + "--B--\r\n",
            &[("", "Content-Disposition: form-data; name=\"a\"\r\n\r\nx")],
            |f| f.error.is_some(),
        ),
    ];
    for (name, body, expected, is) in cases {
        let got = told(FORM, body.as_bytes());
        assert_eq!(got.fields, pairs(expected), "{name}");
        assert!(is(&got.flags), "{name}: {:?}", got.flags);
        let (_, found) = run(&body);
        assert!(found.contains(&A::MalformedMultipart), "{name}: {found:?}");
    }
}

/// A content type that servers read differently is flagged, and the body read as most do.
#[test]
fn boundaries() {
    let body = field("a", "1") + "--B--\r\n";
    for (content_type, is_read) in [
        ("multipart/form-data", false),
        ("multipart/form-data; boundary=", false),
        ("multipart/form-data; boundary=C", false),
        ("multipart/form-data; boundary=\"B", false),
        ("multipart/form-data, boundary=B", true),
        ("multipart/form-data boundary=B", true),
        ("multipart/form-data; boundary=B; boundary=C", true),
        ("multipart/form-data; x=\"; boundary=B\"; boundary=C", false),
        ("multipart/form-data; boundary=B C", true),
        ("multipart/form-data; boundary= B", true),
        ("multipart/form-data; boundary =B", true),
        ("multipart/form-data; boundary=B,C", true),
    ] {
        let got = told(content_type, body.as_bytes());
        assert!(got.flags.is_strict(), "{content_type}");
        assert_eq!(!got.fields.is_empty(), is_read, "{content_type}");
        let unmatched = content_type.ends_with("boundary=C") && !is_read;
        assert_eq!(got.flags.unmatched_boundary, unmatched, "{content_type}");
    }
}

/// Every file name that a server may take is told; where servers will not take the same, that is said.
#[test]
fn file_names() {
    let long = "filename*0=\"shell.\"; filename*1=\"php\"";
    for (parameters, names, differ) in [
        ("filename=\"a.txt\"", vec!["a.txt"], false),
        (
            "filename=\"a.txt\"; filename*=UTF-8''a.txt",
            vec!["a.txt"],
            false,
        ),
        (
            "filename=\"na\u{ef}ve.txt\"; filename*=UTF-8''na%C3%AFve.txt",
            vec!["na\u{ef}ve.txt"],
            false,
        ),
        (
            "filename=\"na_ve.TXT\"; filename*=UTF-8''na%C3%AFve.txt",
            vec!["na_ve.TXT", "na\u{ef}ve.txt"],
            false,
        ),
        (
            "filename=\"=?utf-8?B?bmHDr3ZlLnR4dA==?=\"; filename*=utf-8''na%C3%AFve.txt",
            vec!["=?utf-8?B?bmHDr3ZlLnR4dA==?=", "na\u{ef}ve.txt"],
            false,
        ),
        (
            "filename*=UTF-8''na%C3%AFve.txt",
            vec!["na\u{ef}ve.txt"],
            false,
        ),
        (
            "filename=\"a.txt\"; filename*=UTF-8''shell.php",
            vec!["a.txt", "shell.php"],
            true,
        ),
        (
            "filename=\"a.txt\"; filename*=UTF-8''sh%C3%A9ll.php",
            vec!["a.txt", "sh\u{e9}ll.php"],
            true,
        ),
        (
            "filename=\"a.txt\"; filename*=ISO-8859-1'en'sh%E9ll.php",
            vec!["a.txt", "sh\u{e9}ll.php"],
            true,
        ),
        ("filename*=shell.php", vec!["shell.php"], true),
        (long, vec!["shell.php"], true),
        (
            "filename*1*=%70hp; filename*0*=UTF-8''shell%2E",
            vec!["shell.php"],
            true,
        ),
        (
            "filename=\"=?utf-8?Q?shell=2Ephp?=\"",
            vec!["=?utf-8?Q?shell=2Ephp?=", "shell.php"],
            false,
        ),
        (
            "filename=\"a.txt\"; filename=\"shell.php\"",
            vec!["a.txt", "shell.php"],
            true,
        ),
        (
            "filename=\"shell.php\\\".txt\"",
            vec!["shell.php\".txt", "shell.php"],
            true,
        ),
    ] {
        let body = file(parameters, "GIF89a");
        let got = told(FORM, body.as_bytes());
        let found: Vec<&str> = got.files.iter().map(|(_, name)| name.as_str()).collect();
        assert_eq!(found, names, "{parameters}");
        let (_, anomalies) = run(&body);
        assert_eq!(
            anomalies.contains(&A::FileNameMismatch),
            differ,
            "{parameters}"
        );
    }
    // To servers that know no pieces it is a field.
    let got = told(FORM, file(long, "<?php").as_bytes());
    assert_eq!(got.fields, pairs(&[("f", "<?php")]));
    let got = told(FORM, file("filename=\"a\"", "<?php").as_bytes());
    assert_eq!(got.fields, pairs(&[]));
    let body = field("a", "1").replace("name=\"a\"", "name=\"a\"; name*=UTF-8''b") + "--B--";
    assert_eq!(
        told(FORM, body.as_bytes()).fields,
        pairs(&[("a", "1"), ("b", "1")])
    );
}

/// Transfer encodings are undone, beside what was sent.
#[test]
fn transfer_encodings() {
    let sent = |encoding: &str, value: &str| {
        let head = format!("\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n");
        let body = field("a", value).replacen("\r\n\r\n", &head, 1) + "--B--\r\n";
        run(&body)
    };
    for (encoding, value, undone) in [
        ("base64", "MScgb3I=\r\n", "1' or"),
        ("BASE64", "MSc gb3I", "1' or"),
        ("quoted-printable", "1=27 o=\r\nr", "1' or"),
    ] {
        let (fields, found) = sent(encoding, value);
        assert_eq!(fields, pairs(&[("a", value), ("a", undone)]), "{encoding}");
        assert_eq!(found, vec![A::EncodedPart], "{encoding}");
    }
    for encoding in ["binary", "8bit", "7BIT"] {
        assert_eq!(sent(encoding, "MSc="), (pairs(&[("a", "MSc=")]), vec![]));
    }
    assert_eq!(sent("uuencode", "x").1, vec![A::UnsupportedEncoding]);
}

/// A field's charset is undone; where a server may not look at it, the field is told as it is, too.
#[test]
fn charsets() {
    let sent = |charset: &str, value: &[u8]| {
        let head = format!(
            "--B\r\nContent-Disposition: form-data; name=\"a\"\r\nContent-Type: text/plain; charset={charset}\r\n\r\n"
        );
        let body = [head.as_bytes(), value, b"\r\n--B--\r\n"].concat();
        let fields = told(FORM, &body).fields;
        fields
            .into_iter()
            .map(|(_, value)| value)
            .collect::<Vec<_>>()
    };
    assert_eq!(sent("utf-8", b"x"), ["x"]);
    assert_eq!(sent("iso-8859-1", b"caf\xe9"), ["caf\u{e9}"]);
    assert_eq!(sent("utf-16le", b"h\0i\0"), ["h\0i\0", "hi"]);
    assert_eq!(
        sent("utf-16", b"1' or"),
        ["1' or", "\u{2731}\u{6f20}\u{fffd}"]
    );
    assert_eq!(sent("unheard-of", b"x"), ["x"]);
}

/// Parts that are documents are read as such; a field of a form is its text.
#[test]
fn documents_in_parts() {
    let parts = "--B\r\nContent-Type: application/json\r\n\r\n{\"a\":{\"b\":\"1\"}}\r\n--B\r\nContent-Type: application/xml; charset=iso-8859-1\r\n\r\n<x><y>2</y></x>\r\n--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\nContent-Disposition: form-data; name=\"c\"\r\n\r\n3\r\n--C--\r\n--B\r\nContent-Type: image/png\r\n\r\n\0\0\r\n--B\r\n\r\nplain\r\n--B--\r\n";
    let (parameters, found) = collected(BodyKind::Multipart, &Limits::default(), |collect| {
        read(
            Some("multipart/related; boundary=B"),
            parts.as_bytes(),
            false,
            0,
            read_part,
            collect,
        );
    });
    let got: Vec<_> = parameters.iter().map(|p| (p.name, p.value)).collect();
    assert_eq!(got, [("a.b", "1"), ("x.y", "2"), ("c", "3"), ("", "plain")]);
    assert!(found.is_empty(), "{found:?}");

    let body = field("m", "{\"a\":1}")
        .replace("\r\n\r\n", "\r\nContent-Type: application/json\r\n\r\n")
        + "--B--";
    assert_eq!(run(&body), (pairs(&[("m", "{\"a\":1}")]), vec![]));
}

/// A batch of requests is read request by request.
#[test]
fn batches() {
    let batch = "--B\r\nContent-Type: application/http\r\n\r\nPOST /orders HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{\"a\":1}\r\n--B\r\nContent-Type: multipart/mixed; boundary=C\r\n\r\n--C\r\nContent-Type: application/http\r\n\r\nDELETE /orders/1?b=2 HTTP/1.1\r\n\r\n\r\n--C--\r\n--B--\r\n";
    let (parameters, found) = collected(BodyKind::Multipart, &Limits::default(), |collect| {
        read(
            Some("multipart/mixed; boundary=B"),
            batch.as_bytes(),
            false,
            0,
            read_part,
            collect,
        );
    });
    let got: Vec<_> = parameters.iter().map(|p| (p.name, p.value)).collect();
    assert_eq!(
        got,
        [("", "/orders"), ("a", "1"), ("", "/orders/1"), ("b", "2")]
    );
    assert!(found.is_empty(), "{found:?}");
}

/// Multiparts in multiparts end.
#[test]
fn nesting() {
    let mut body = "deep".to_owned();
    for level in 0..10 {
        body = format!(
            "--B{level}\r\nContent-Type: multipart/mixed; boundary=B{}\r\n\r\n{body}\r\n--B{level}--",
            level - 1
        );
    }
    let (parameters, found) = collected(BodyKind::Multipart, &Limits::default(), |collect| {
        read(
            Some("multipart/mixed; boundary=B9"),
            body.as_bytes(),
            false,
            0,
            read_part,
            collect,
        );
    });
    assert!(found.contains(A::DepthOverLimit));
    assert!(parameters.iter().any(|p| p.value.contains("deep")));
}

/// What a truncated body ends in is no error of its form.
#[test]
fn truncated() {
    let body = field("a", "1") + &field("b", "2");
    let cut = &body.as_bytes()[..body.len() - 3];
    let (parameters, found) = collected(BodyKind::Multipart, &Limits::default(), |collect| {
        read(Some(FORM), cut, true, 0, read_part, collect);
    });
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(parameters.len(), 2);
}

/// Parts beyond the limit are counted, and repeated fields are said to be.
#[test]
fn many_parts() {
    let many: String = (0..6)
        .map(|index| field(&format!("k{index}"), "v"))
        .collect();
    let (fields, found) = run(&(many + "--B--"));
    assert_eq!((fields.len(), found), (4, vec![A::MultipartPartsOverLimit]));
    let twice = field("a", "1") + &field("a", "2") + "--B--";
    assert_eq!(run(&twice).1, vec![A::DuplicateParameter]);
    let files = file("filename=\"a\"", "x")
        .replace("--B--\r\n", "")
        .repeat(2)
        + "--B--";
    assert_eq!(
        run(&files).1,
        vec![],
        "several files of one field are ordinary"
    );
}

proptest! {
    /// Any text: no panic, and no more content than the body has.
    #[test]
    fn any_text(body in "(--B|--B--|\r\n|\n|Content-Disposition: form-data|; name=|; filename=|; filename\\*|0\\*=|=\\?|\\?=|\"|a|\\\\|:|\\PC){0,60}", kind in "multipart/(form-data|mixed)(;|,| ) ?boundary ?=[B\" ;]{0,4}") {
        let got = told(&kind, body.as_bytes());
        prop_assert!(got.contents.iter().map(Vec::len).sum::<usize>() <= body.len());
    }

    /// Fields come out as they were put in, whatever they hold.
    #[test]
    fn fields_survive(values in prop::collection::vec("[^B]{0,40}|(\r\n|--|\n|a){0,10}", 1..5)) {
        let body: String = values.iter().map(|value| field("a[]", value)).collect();
        let got = told(FORM, (body + "--B--\r\n").as_bytes());
        let found: Vec<String> = got.fields.into_iter().map(|(_, value)| value).collect();
        prop_assert_eq!(found, values);
        prop_assert!(!got.flags.is_strict(), "{:?}", got.flags);
    }
}
