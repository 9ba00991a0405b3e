"""What the benchmarks say."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from benchmarks import cpu, engine, rules
from benchmarks.kinds import Kind
from benchmarks.load import Answers
from benchmarks.markdown import line
from benchmarks.report import compared, figure, skipped, table
from benchmarks.rules import Measured


def test_a_ratio_is_the_median_of_the_rounds() -> None:
    """A slow spell hits value and baseline of one round."""
    row = compared("ours", [10.0, 300.0, 12.0], [5.0, 100.0, 6.0], "µs", 2.0)
    assert (row.value, row.baseline, row.ratio, row.ok) == (12.0, 6.0, 2.0, True)
    assert compared("ours", [3.0], [1.0], "µs", 2.9).ok is False
    assert compared("ours", [3.0], [1.0], "µs").ok is None


def test_targets_hold_from_above_or_below() -> None:
    """Most figures should be small, rates large."""
    assert figure("time", 1.0, "s", 1.0).ok is True
    assert figure("time", 1.1, "s", 1.0).ok is False
    assert figure("rate", 99.0, "%", 99.0, at_least=True).ok is True
    assert figure("rate", 98.0, "%", 99.0, at_least=True).ok is False


def test_the_table_has_a_line_for_each_row() -> None:
    """Under a head that names the benchmark."""
    lines = table("cpu", [figure("a", 1234.5, "µs"), skipped("b")]).splitlines()
    assert lines[0].split()[0] == "cpu"
    assert "1,234" in lines[1]
    assert lines[2].split() == ["b", "skipped"]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (compared("x", [60.0], [1200.0], "µs", 0.05), "| b: x | 60 µs | 1,200 µs | 1/20 | 1/20 | met |"),
        (compared("x", [90.0], [60.0], "µs", 1.4), "| b: x | 90 µs | 60 µs | 1.5 | 1.4 | missed |"),
        (figure("x", 3.0, "s"), "| b: x | 3 s |  |  |  |  |"),
        (figure("x", 0, "events", 0), "| b: x | 0 events |  |  | 0 | met |"),
        (skipped("x"), "| b: x | skipped |  |  |  |  |"),
    ],
)
def test_markdown(row: rules.Row, expected: str) -> None:
    """The columns of README.md."""
    assert line("b", row) == expected


def _measured(starfort: float, modsecurity: float, refused: int) -> Measured:
    return Measured(
        {"envoy": [60.0], "starfort": [starfort], "modsecurity": [modsecurity]},
        {"envoy": Answers(9, 0), "starfort": Answers(100, refused), "modsecurity": Answers(10, 0)},
    )


def test_rules_have_targets_for_the_mix_at_level_1() -> None:
    """Only there are ratios held to something."""
    mix = rules.rows_of(Kind("json mix", []), 1, _measured(90.0, 2400.0, 0))
    assert [(row.name, row.target, row.ok) for row in mix] == [
        ("pl1, json mix: starfort over envoy", 1.6, True),
        ("pl1, json mix: starfort over modsecurity", 0.05, True),
        ("pl1, json mix: refused by starfort", 0, True),
        ("pl1, json mix: refused by modsecurity", 0, True),
    ]
    others = rules.rows_of(Kind("json mix", []), 2, _measured(90.0, 2400.0, 25))
    assert [row.target for row in others] == [None] * 4
    assert others[2].value == 25


def test_attacks_have_to_be_found_by_both() -> None:
    """A proxy that lets them pass is cheap."""
    rows = rules.rows_of(Kind("attacks", [], malicious=True), 1, _measured(90.0, 2400.0, 100))
    assert [(row.value, row.ok) for row in rows[2:]] == [(100, True), (0, False)]


def test_rounds_are_added() -> None:
    """Shares are of all that was sent."""
    assert rules.summed([Answers(10, 1), Answers(30, 5)]) == Answers(40, 6)


def test_cpu_says_which_rules_ran() -> None:
    """With CRS and without it are rows of their own, the former skipped where there is none."""
    spent = {"nginx": [20.0], "envoy": [60.0], "modsecurity": [2000.0], cpu.WITHOUT: [90.0]}
    without = cpu.rows_of(spent, None)
    assert [row.name for row in without if row.unit == "skipped"] == [
        "starfort with crs pl1 over envoy",
        "starfort with crs pl1 over modsecurity",
    ]
    rows = {row.name: row for row in cpu.rows_of({**spent, cpu.WITH: [96.0]}, "4.25.0")}
    assert rows["starfort without crs over envoy"].ok is True
    assert rows["starfort with crs 4.25.0 pl1 over envoy"].ok is True
    assert rows["starfort with crs 4.25.0 pl1 over modsecurity"].ok is True
    assert rows["modsecurity with crs 4.25.0 pl1 over envoy"].target is None


def test_a_profile_adds_up() -> None:
    """Stages and rest are the total; policies are what they add, less their limit."""
    of = {"total": 1000.0, "without_rules": 500.0, "without_policies": 300.0, "rate": 50.0, "http": 100.0,
          "rules_phase_1": 400.0}  # fmt: skip
    found = {f"profile_get/{name}": value for name, value in of.items()} | {"profile_post_400b/total": 9.0}
    rows = {row.name: row.value for row in engine.profile(found, "profile_get", "get", "crs")}
    assert rows == {
        "get: all, with crs": 1000, "get: all, without rules": 500, "get: http": 100, "get: rate": 50,
        "get: rules phase 1": 400, "get: policy": 150, "get: rest": 300,
    }  # fmt: skip


def test_times_of_other_runs_are_left_alone(tmp_path: Path) -> None:
    """Criterion keeps what it measured before."""
    for name, times in (("old", [1.0, 1.0]), ("new", [9.0, 4.0])):
        folder = tmp_path / "group" / name / "new"
        folder.mkdir(parents=True)
        (folder / "benchmark.json").write_text(json.dumps({"full_id": f"group/{name}"}))
        (folder / "sample.json").write_text(json.dumps({"iters": [1.0, 2.0], "times": times}))
    since = (tmp_path / "group/new/new/sample.json").stat().st_mtime
    os.utime(tmp_path / "group/old/new/sample.json", (since - 60, since - 60))
    assert engine.least_times(tmp_path, since) == {"group/new": 2.0}
