"""JSON and YAML files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from starfort.config import ConfigError, ConfigProblem
from starfort.contracts import files
from tests.unit.contracts.support import read

LARGE = 1 << 20


def file(folder: Path, text: str, name: str = "a.yaml") -> Path:
    """A file with the text."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"), ("on", "on"), ("true", True), ("~", None), ("", None), ("2024-01-01", "2024-01-01"),
        ("0o17", 15), ("0x1F", 31), ("017", 17), ("1e3", 1000.0), ("1e999", "1e999"), (".inf", ".inf"), ("-", "-"),
        ("1:30", "1:30"), ("'7'", "7"), ("!!str 7", "7"), ("!!int '7'", 7), ("!own 7", "7"), ("9" * 5000, "9" * 5000),
    ],
)  # fmt: skip
def test_yaml_is_read_by_its_core_schema(tmp_path: Path, text: str, value: object) -> None:
    """As OpenAPI asks: only what JSON has too is no text."""
    assert files.read(file(tmp_path, f"- {text}\n"), LARGE) in ([value], [[None]])


def test_keys_are_text_and_merges_are_followed(tmp_path: Path) -> None:
    """`200` is the key 200 as text; what is merged is replaced by what is written."""
    found = files.read(file(tmp_path, "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n200: z\nnull: n\n"), LARGE)
    assert found == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 3}, "200": "z", "null": "n"}


@pytest.mark.parametrize("name", ["a.yaml", "a.json"])
def test_values_that_nobody_asks_for_are_dropped(tmp_path: Path, name: str) -> None:
    """By their own key and the one above, in mappings and lists, whichever form the file has."""
    data = {"keep": {"x": [{"drop": 1, "y": 2}], "drop": {"z": 1}}, "names": {"drop": {"drop": 1, "a": 1}}}
    text = json.dumps(data) if name == "a.json" else yaml.safe_dump(data)
    found = files.read(
        file(tmp_path, text, name), LARGE, None, lambda key, own: key not in ("", "names") and own == "drop"
    )
    assert found == {"keep": {"x": [{"y": 2}]}, "names": {"drop": {"a": 1}}}


TEXT = """{"a": {"b/c": [1, {"d": "x"}, [2]],
  "e": {}}, "f": "{[,"}"""


@pytest.mark.parametrize(
    ("location", "place"),
    [
        (("a",), (1, 2)), (("a", "b/c", 1, "d"), (1, 20)), (("a", "e"), (2, 3)), (("f",), (2, 13)),
        (("a", "b/c", 2, 0), (1, 32)), (("a", "none"), (1, 2)), ((), (1, 1)),
    ],
)  # fmt: skip
def test_parts_have_positions(tmp_path: Path, location: files.Location, place: tuple[int, int]) -> None:
    """The key of a value, or the item of a list; the nearest part when one does not exist. Tabs change nothing."""
    for text, name in ((TEXT, "a.json"), (TEXT, "a.yaml"), (TEXT.replace("  ", "\t\t"), "b.json")):
        assert files.positions(file(tmp_path, text, name), [location]) == {location: place}


def test_yaml_parts_have_positions(tmp_path: Path) -> None:
    """Blocks, flow and aliases."""
    path = file(tmp_path, "a:\n  - &x {b: 1}\n  - *x\n  - c: 2\nd: *x\n")
    wanted = {("a", 0, "b"): (2, 9), ("a", 1): (3, 5), ("a", 2, "c"): (4, 5), ("d",): (5, 1)}
    assert files.positions(path, list(wanted)) == wanted


@pytest.mark.parametrize(
    "text", ["a: 1\nb: {c: 1, d: 2,\n c: 3}\n", '{"a": 1, "b": {"c": 1, "d": 2,\n "c": 3}}']
)
def test_keys_that_come_twice_are_told(tmp_path: Path, text: str) -> None:
    """With the place of the second one; the same key in another mapping is none."""
    told: list[ConfigProblem] = []
    assert files.read(file(tmp_path, text), LARGE, told) == {"a": 1, "b": {"c": 3, "d": 2}}
    assert [(one.line, one.column) for one in told] in ([(2, 2)], [(3, 2)])
    assert "'c' is there twice" in told[0].what


@pytest.mark.parametrize(
    ("text", "what"),
    [("a: [", "is no YAML"), ("? {a: 1}\n: 2\n", "a key must be text"), ("*a", "no anchor"), ("\x00", "is no YAML"), ("[" * 501, "nested too deeply")],
)  # fmt: skip
def test_what_is_wrong_has_a_line(tmp_path: Path, text: str, what: str) -> None:
    """Whatever it is."""
    with pytest.raises(ConfigError) as error:
        files.read(file(tmp_path, text), LARGE)
    assert what in error.value.problems[0].what
    assert error.value.problems[0].line


@pytest.mark.parametrize(
    ("location", "text"), [((), "#"), (("a/b", "c~d", 0), "#/a~1b/c~0d/0"), (("{x}", ""), "#/{x}/")]
)
def test_pointers_are_written_and_read(location: files.Location, text: str) -> None:
    """Escapes of RFC 6901; each way leads back."""
    assert files.pointer(location) == text
    assert files.steps(text[1:]) == [str(step) for step in location]


def test_aliases_cannot_fill_the_memory(tmp_path: Path) -> None:
    """A few lines of aliases of aliases are refused, and one that contains itself too."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (problem,) = read(tmp_path, "openapi: 3.1.0\n" + "\n".join(lines)).problems
    assert "aliases stand for too much" in problem.what
    (problem,) = read(tmp_path, "openapi: 3.1.0\npaths: &p {/a: *p}\n").problems
    assert "no anchor before it" in problem.what
