"""Detector files: what loads, and what is refused where."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from starfort.config import ConfigError
from starfort.questions.question import SettingError, load_all, titled
from starfort.signals.detector import Detector
from tests.support.detectors import FRONT, SQL

PATH = Path("many.sql")
GATE = "gate: |\n  SELECT 1 FROM events\n  WHERE {most:UInt32} > 1 AND {x:UInt8}\n*/"


def test_detector_has_its_parameters() -> None:
    """The query gets the thresholds and the window's begin; `until` only when it asks for it."""
    until = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    detector = Detector.parse(FRONT + SQL, PATH)
    assert detector.parameters(until) == {"most": 10, "share": 0.5, "since": until - dt.timedelta(seconds=60)}
    assert detector.spec.every == dt.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "place", "what"),
    [
        (SQL, "1:1", "begins with no"),
        (FRONT.replace("name: many\n", "name: Many\n", 1) + SQL, "2:7", "name: string should match"),
        (FRONT.replace("kind: many\n", "") + SQL, "1:1", "'kind' is missing"),
        (FRONT.replace("window: 60s", "window: 60") + SQL, "8:9", "is no duration"),
        (FRONT.replace("severity: low", "severity: lowish") + SQL, "12:11", "severity: input should be"),
        (FRONT.replace("ttl: 5m", "ttl: 1s") + SQL, "13:1", "ttl: expected at least twice"),
        (FRONT.replace("key_type: address", "key_type: shoe") + SQL, "7:1", "key_type: shoe is unknown"),
        (FRONT.replace("default: 10", "default: 0") + SQL, "10:3", "most: got 0, expected at least 1"),
        (FRONT.replace("score: s", "colour: s") + SQL, "14:1", "unknown key 'colour'"),
        (FRONT.replace("title:", "title: [") + SQL, "5:1", "the [ of line 4 is not closed"),
        (FRONT.replace("name: many\n", "name: many\nname: two\n", 1) + SQL, "3:1", "'name' stands twice"),
        (FRONT + SQL.replace("{most:UInt32}", "{mots:UInt32}"), "18:51", "parameter mots is no threshold"),
        (FRONT + SQL.replace("{most:UInt32}", "10"), "16:1", "threshold most is not used"),
        (FRONT + SQL.replace("time > {since:DateTime64(6, 'UTC')}", "1"), "16:1", "window is not bounded"),
        (FRONT + SQL.replace("FROM events", "FROM events; DROP TABLE x"), "17:12", "more than one statement"),
        (
            FRONT + SQL.replace("FROM events", "FROM url('http://a/', 'CSV')"),
            "17:6",
            "url() leaves the store",
        ),
        (FRONT + SQL.replace("'a' AS key", "file ('/etc/a') AS key"), "16:8", "file() leaves the store"),
        (FRONT + "INSERT INTO events " + SQL, "16:1", "begins with no SELECT"),
        (FRONT.replace("*/", GATE) + SQL, "17:31", "gate: parameter x is no threshold"),
    ],
)
def test_mistake_is_named_with_its_place(text: str, place: str, what: str) -> None:
    """Every mistake in a detector is an error with file, line and column, in the front matter and in the query."""
    with pytest.raises(ConfigError) as caught:
        Detector.parse(text, PATH)
    found = [str(problem) for problem in caught.value.problems]
    assert any(line.startswith(f"many.sql:{place}: ") and what in line for line in found), found


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
    with pytest.raises(SettingError, match=what):
        Detector.parse(FRONT + SQL, PATH).with_settings(settings)


def test_setting_replaces_the_default() -> None:
    """A whole number does for a threshold that is a number."""
    settings = Detector.parse(FRONT + SQL, PATH).with_settings({"most": 3, "share": 1}).settings
    assert (settings["most"], settings["share"]) == (3, 1)


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    """Two bad files and a taken name are three problems of one error."""
    (tmp_path / "a.sql").write_text(FRONT + SQL)
    (tmp_path / "b.sql").write_text(FRONT + SQL)
    (tmp_path / "c.sql").write_bytes(b"\xff")
    with pytest.raises(ConfigError) as caught:
        load_all(Detector, [tmp_path / "a.sql"], [tmp_path / "b.sql", tmp_path / "c.sql", tmp_path / "d.sql"])
    assert len(caught.value.problems) == 3


def test_every_built_in_detector_loads() -> None:
    """What comes with Starfort is correct, and each name is documented."""
    root = Path(__file__).parents[3]
    detectors = load_all(Detector, sorted((root / "src" / "starfort").glob("*/detectors/*.sql")))
    assert len(detectors) >= 4
    page = (root / "docs" / "detectors.md").read_text()
    for detector in detectors:
        assert f"`{detector.name}`" in page
        for threshold in detector.spec.thresholds:
            assert f"`{threshold}`" in page, (detector.name, threshold)


def test_titles_count() -> None:
    """A word that follows a number fits it; what is no column stays."""
    title = "{reads|read|reads} of {pages|page|pages} from {addresses|address|addresses}, {other|a|b}, {kind}"
    row = {"reads": 1, "pages": 0, "addresses": 12, "kind": "scraping"}
    assert titled(title, row) == "1 read of 0 pages from 12 addresses, {other|a|b}, scraping"
