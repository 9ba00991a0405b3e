//! `docs/reference/inspection.md` has everything that the parsers and the detectors of sensitive data report.

use starfort_engine::http::Anomaly;
use starfort_engine::sensitive::Class;

/// Every anomaly and every class of sensitive data has its row, and no row is about something else.
#[test]
fn reference_lists_every_code() {
    let text = include_str!("../../../../docs/reference/inspection.md");
    let rows: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let codes = Anomaly::ALL
        .iter()
        .map(|anomaly| anomaly.code())
        .chain(Class::ALL.iter().map(|class| class.code()));
    assert_eq!(rows, codes.collect::<Vec<_>>());
}
