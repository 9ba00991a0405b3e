"""Detector files: what loads, and what is refused where."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from starfort.signals import DetectorError, load_all
from starfort.signals.detector import parse
from tests.support.detectors import FRONT, SQL

PATH = Path("many.sql")


def test_detector_has_its_parameters() -> None:
    """The query gets the thresholds and the window's begin; `until` only when it asks for it."""
    until = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    detector = parse(FRONT + SQL, PATH)
    assert detector.parameters(until) == {"most": 10, "share": 0.5, "since": until - dt.timedelta(seconds=60)}
    assert detector.spec.every == dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (SQL, 1, "begins with no"),
        (FRONT.replace("name: many\n", "name: Many\n", 1) + SQL, 2, "name: String should match"),
        (FRONT.replace("kind: many\n", "") + SQL, 1, "kind: Field required"),
        (FRONT.replace("window: 60s", "window: 60") + SQL, 8, "is no duration"),
        (FRONT.replace("severity: low", "severity: lowish") + SQL, 12, "severity: Input should be"),
        (FRONT.replace("ttl: 5m", "ttl: 1s") + SQL, 1, "ttl: expected at least twice"),
        (FRONT.replace("key_type: address", "key_type: shoe") + SQL, 1, "key_type: shoe is unknown"),
        (FRONT.replace("default: 10", "default: 0") + SQL, 1, "thresholds.most: got 0, expected at least 1"),
        (FRONT.replace("score: s", "colour: s") + SQL, 14, "colour: Extra inputs"),
        (FRONT.replace("title:", "title: [") + SQL, 5, "front matter"),
        (
            FRONT.replace("name: many\n", "name: many\nname: two\n", 1) + SQL,
            3,
            "front matter: found duplicate",
        ),
        (FRONT + SQL.replace("{most:UInt32}", "{mots:UInt32}"), 18, "parameter mots is no threshold"),
        (FRONT + SQL.replace("{most:UInt32}", "10"), 16, "threshold most is not used"),
        (FRONT + SQL.replace("time > {since:DateTime64(6, 'UTC')}", "1"), 16, "window is not bounded"),
        (FRONT + SQL.replace("FROM events", "FROM events; DROP TABLE events"), 17, "more than one statement"),
        (FRONT + SQL.replace("FROM events", "FROM url('http://a/', 'CSV')"), 17, "url() leaves the store"),
        (FRONT + SQL.replace("'a' AS key", "file ('/etc/passwd') AS key"), 16, "file() leaves the store"),
        (FRONT + "INSERT INTO events " + SQL, 16, "begins with no SELECT"),
    ],
)
def test_mistake_is_named_with_its_line(text: str, line: int, what: str) -> None:
    """Every mistake in a detector is an error with file and line."""
    with pytest.raises(DetectorError) as caught:
        parse(text, PATH)
    assert any(problem.line == line and what in problem.what for problem in caught.value.problems), (
        caught.value
    )
    assert "many.sql:" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"msot": 1}, "'msot' is unknown; many has most, probe, share"),
        ({"most": 0}, "expected at least 1"),
        ({"most": 1.5}, "expected int"),
        ({"most": "ten"}, "expected int"),
        ({"most": True}, "expected int"),
        ({"share": 2}, "expected at most 1"),
    ],
)
def test_wrong_setting_is_refused(settings: dict[str, object], what: str) -> None:
    """A setting that does not exist or does not fit is an error that says what fits."""
    with pytest.raises(DetectorError, match=what):
        parse(FRONT + SQL, PATH).with_settings(settings)


def test_setting_replaces_the_default() -> None:
    """A whole number does for a threshold that is a number."""
    settings = parse(FRONT + SQL, PATH).with_settings({"most": 3, "share": 1}).settings
    assert (settings["most"], settings["share"]) == (3, 1)


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    """Two bad files and a taken name are three problems of one error."""
    (tmp_path / "a.sql").write_text(FRONT + SQL)
    (tmp_path / "b.sql").write_text(FRONT + SQL)
    (tmp_path / "c.sql").write_bytes(b"\xff")
    with pytest.raises(DetectorError) as caught:
        load_all([tmp_path / "a.sql"], [tmp_path / "b.sql", tmp_path / "c.sql", tmp_path / "d.sql"])
    assert len(caught.value.problems) == 3


def test_every_built_in_detector_loads() -> None:
    """What comes with Starfort is correct, and each name is documented."""
    root = Path(__file__).parents[3]
    detectors = load_all(sorted((root / "src" / "starfort").glob("*/detectors/*.sql")))
    assert len(detectors) >= 4
    page = (root / "docs" / "detectors.md").read_text()
    for detector in detectors:
        assert f"`{detector.name}`" in page
        for threshold in detector.spec.thresholds:
            assert f"`{threshold}`" in page, (detector.name, threshold)


def test_titles_count() -> None:
    """A word that follows a number fits it; what is no column stays."""
    detector = parse(FRONT + SQL, PATH)
    title = "{reads|read|reads} of {pages|page|pages} from {addresses|address|addresses}, {other|a|b}, {kind}"
    row = {"reads": 1, "pages": 0, "addresses": 12, "kind": "scraping"}
    assert detector.render(title, row) == "1 read of 0 pages from 12 addresses, {other|a|b}, scraping"
