"""Positions in YAML texts."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from starfort.config.yaml_file import YamlFile, read


def source(folder: Path, text: str) -> YamlFile:
    """A file with the text."""
    file = folder / "x.yaml"
    file.write_text(text, encoding="utf-8")
    return read(file)


@pytest.mark.parametrize(
    ("text", "needle"),
    [
        ("a: one @two\n", "@"),
        ("a: 'it''s ''quoted'' @'\n", "@"),
        ('a: "tab\\t \\"q\\" \\u00e9 \\x41 @"\n', "@"),
        ('a: "line \\\n   folded @"\n', "@"),
        ("a: |\n  one\n    two @\n", "@"),
        ("a: |2-\n    one\n  two @\n", "@"),
        ("a: >-\n  one\n  two\n\n  three @\n", "@"),
        ("a: one\n  two\n  three @\n", "@"),
        ("a: &anchor one @\n", "@"),
        ("a: &x '1 @'\n", "@"),
        ("a: é😀 @\n", "@"),
    ],
)
def test_a_character_is_found_in_the_file(tmp_path: Path, text: str, needle: str) -> None:
    """However the text is quoted, escaped or folded."""
    loaded = source(tmp_path, text)
    value = loaded.data["a"]
    offset = value.index(needle)
    line, column = value.count("\n", 0, offset) + 1, offset - (value.rfind("\n", 0, offset) + 1) + 1
    found_line, found_column = loaded.text_position(("a",), line, column)
    assert text.split("\n")[found_line - 1][found_column - 1] == needle


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("a: one\n", (1, 7)), ("a: 'one'\n", (1, 8)), ("a: |-\n  one\n", (2, 6)), ('a: ""\n', (1, 5))],
)
def test_the_end_is_after_the_last_character(tmp_path: Path, text: str, wanted: tuple[int, int]) -> None:
    """Where what is missing should have been."""
    loaded = source(tmp_path, text)
    assert loaded.text_position(("a",), 1, len(loaded.data["a"]) + 1) == wanted


def test_what_is_not_in_the_file_has_the_place_of_what_it_is_in(tmp_path: Path) -> None:
    """Defaults have no place of their own."""
    loaded = source(tmp_path, "b: 1\na: {c: 7}\n")
    assert loaded.text_position(("a", "d"), 1, 5) == (2, 4)
    assert loaded.text_position(("a", "c"), 1, 5) == (2, 8)


@given(st.text(st.sampled_from("ab é\"'\\\n\t#:"), max_size=30), st.sampled_from("'\"|"))
def test_visible_characters_are_found_in_any_text(text: str, style: str) -> None:
    """Whatever the emitter makes of a text, each of its visible characters is found again."""
    from io import StringIO

    from ruamel.yaml.scalarstring import (
        DoubleQuotedScalarString,
        LiteralScalarString,
        SingleQuotedScalarString,
    )

    kinds = {"'": SingleQuotedScalarString, '"': DoubleQuotedScalarString, "|": LiteralScalarString}
    out = StringIO()
    YAML().dump({"a": kinds[style](text)}, out)
    loader = YAML(typ="rt")
    loader.preserve_quotes = True
    marked = loader.load(out.getvalue())
    if str(marked["a"]) != text:
        return  # the emitter changed it: not our concern
    loaded = YamlFile(Path("x"), {"a": text}, marked, out.getvalue())
    for offset, character in enumerate(text):
        if character.isspace():
            continue
        line, column = text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1
        at_line, at_column = loaded.text_position(("a",), line, column)
        rest = out.getvalue().split("\n")[at_line - 1][at_column - 1 :]
        escaped = {"é": ("\\xE9", "é"), '"': ('\\"', '"'), "\\": ("\\\\", "\\")}.get(character, (character,))
        assert rest.startswith(escaped), (text, offset)
