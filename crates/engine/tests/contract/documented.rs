//! `docs/contract.md` names everything that users can meet.

use starfort_engine::contract::{Code, FORMATS};

/// Every code and every format that is checked stands in the document.
#[test]
fn codes_and_formats() {
    let text = include_str!("../../../../docs/contract.md");
    for format in FORMATS {
        assert!(text.contains(&format!("`{format}`")), "{format}");
    }
    for code in Code::ALL {
        let name = code.code();
        let is_there = text.contains(&format!("`{name}`")) || text.contains(&format!("`…/{name}`"));
        assert!(is_there, "{name}");
    }
}
