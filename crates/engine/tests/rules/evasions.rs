//! Attacks written so that they are not recognized.

use starfort_engine::rules::wire::{OperatorKind as O, Transformation as T, Variable as V};

use super::make::{after, link, rule, target};
use super::send::{get, run};

/// Layers of encoding, NULs, comments, full-width forms and duplicate names hide nothing.
#[test]
fn evasions() {
    let layers = [
        T::UrlDecodeUni,
        T::HtmlEntityDecode,
        T::JsDecode,
        T::RemoveNulls,
        T::ReplaceComments,
        T::CompressWhitespace,
        T::Lowercase,
    ];
    let css = [T::UrlDecodeUni, T::CssDecode, T::Lowercase];
    let look = || {
        let one = link(
            &[target(V::Args), target(V::ArgsNames)],
            O::Rx,
            "union select|<script",
        );
        vec![
            rule(1, 2, vec![after(one.clone(), &layers)]),
            rule(2, 2, vec![after(one, &css)]),
        ]
    };
    for (name, uri) in [
        ("plain", "/?q=UNION%20SELECT"),
        ("twice encoded", "/?q=union%2520select"),
        ("full width", "/?q=%uff35nion%20select"),
        ("comment", "/?q=union/**/select"),
        ("nul", "/?q=un%00ion%20select"),
        ("entity", "/?q=%26lt;script"),
        ("numeric entity", "/?q=%26%23x3c;script"),
        ("javascript", "/?q=\\u003cscript"),
        ("css", "/?q=\\3cscript"),
        ("in a name", "/?union%20select=1"),
        ("second of a name", "/?q=1&q=union%20select"),
        ("no value", "/?union+select"),
        ("line break", "/?q=union%0aselect"),
    ] {
        assert!(!run(look(), &get(uri)).ids.is_empty(), "{name}");
    }
    for uri in ["/?q=trade+union+members+select", "/?q=a%3Cb", "/"] {
        assert!(run(look(), &get(uri)).ids.is_empty(), "{uri}");
    }
}
