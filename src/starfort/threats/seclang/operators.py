"""Reads the operators of rules, `!@name argument`, and the files that some operators name."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from typing import Final

from starfort.config.problems import ConfigProblem
from starfort.threats.seclang.model import Argument, Operator
from starfort.threats.seclang.reference import OPERATOR_ALIASES, OPERATORS, suggestion

MAX_PHRASE_FILE_BYTES: Final = 8 << 20
"""The largest list of CRS 4 has 76 KB, and block lists of addresses reach a few megabytes."""

MAX_PHRASES: Final = 200_000
"""Limits the size of the automaton that the engine builds."""

_BY_LOWER = {name.lower(): name for name in OPERATORS} | OPERATOR_ALIASES
_OPERATOR = re.compile(r"\s*(!?)\s*@([A-Za-z0-9_]+)(?:\s+(.*?))?\s*", re.DOTALL)
_WITHOUT_ARGUMENT = frozenset(
    {"contains", "detectSQLi", "detectXSS", "geoLookup", "noMatch", "rx", "streq", "unconditionalMatch"}
    | {"validateUrlEncoding", "validateUtf8Encoding", "within"}
)
_NUMERIC = frozenset({"eq", "ge", "gt", "le", "lt"})
_FILES = frozenset({"pmFromFile", "ipMatchFromFile"})
_DATASETS = frozenset({"pmFromDataset", "ipMatchFromDataset"})


def parse_operator(
    argument: Argument,
    problems: list[ConfigProblem],
    notes: list[ConfigProblem],
    datasets: Mapping[str, tuple[bytes, ...]],
) -> Operator | None:
    """Read the operator of a rule. Without `@name` the operator is `@rx`.

    Args:
        argument: as written.
        problems: problems are added here.
        notes: notes about what has no effect are added here.
        datasets: the records of each `SecDataset` before the rule.

    Returns:
        The operator; None when a problem was added.
    """
    text = argument.text
    named = _OPERATOR.fullmatch(text)
    # A pattern may begin with `!`, which then negates; `@` alone names nothing.
    if named is None:
        negated = text.startswith("!")
        return Operator("rx", text[1:].lstrip(" \t") if negated else text, negated)
    name = _BY_LOWER.get(named[2].lower())
    location = argument.location(named.start(2) - 1)
    if name is None:
        problems.append(location.problem(f"unknown operator @{named[2]}", suggestion(named[2], OPERATORS)))
        return None
    value, is_negated = named[3] or "", named[1] == "!"
    if wrong := _wrong_use(name, value, is_negated=is_negated):
        problems.append(location.problem(*wrong))
        return None
    if wrong := _wrong_argument(name, value):
        problems.append(argument.location(named.start(3)).problem(*wrong))
        return None
    if OPERATORS[name].note:
        notes.append(location.problem(f"@{name} has no effect", OPERATORS[name].note))
    if name in _DATASETS:
        return Operator(name, value, is_negated, _dataset(name, value, argument, problems, datasets))
    phrases = _phrases(name, value, argument, named.start(3), problems)
    return Operator(name, value, is_negated, phrases)


def _wrong_use(name: str, value: str, *, is_negated: bool) -> tuple[str, str] | None:
    """What is wrong with an operator whatever its argument is, and what to do; None when nothing is."""
    entry = OPERATORS[name]
    if not entry.supported:
        return f"operator @{name} is not supported", entry.note
    if entry.note and is_negated:
        return f"!@{name} would always match", entry.note
    if not value and name not in _WITHOUT_ARGUMENT:
        return f"@{name} needs an argument", ""
    return None


def _dataset(
    name: str,
    value: str,
    argument: Argument,
    problems: list[ConfigProblem],
    datasets: Mapping[str, tuple[bytes, ...]],
) -> tuple[bytes, ...]:
    # A data set applies only to the rules that follow it, so `datasets` has those that were read so far.
    records = datasets.get(value)
    if records is None:
        fix = f"put SecDataset {value[:40]} before the rule"
        problems.append(argument.location().problem(f"no data set {value[:40]}", fix))
        return ()
    if name == "ipMatchFromDataset":
        _check_addresses(list(records), argument, problems)
    return records


def _wrong_argument(name: str, value: str) -> tuple[str, str] | None:
    if name in _NUMERIC and not re.fullmatch(r"-?\d+(?:\.0+)?", value) and "%{" not in value:
        return f"@{name} needs a number, got {value[:40]!r}", ""
    if name == "validateByteRange" and not _byte_ranges(value):
        return (
            f"{value[:40]!r} are no byte ranges",
            "write numbers from 0 to 255, such as 1-255 or 9,10,32-126",
        )
    return None


def _phrases(
    name: str, value: str, argument: Argument, offset: int, problems: list[ConfigProblem]
) -> tuple[bytes, ...]:
    # The engine splits the phrases of `@pm` itself, so they stay in the argument.
    if name not in _FILES and name != "ipMatch":
        return ()
    phrases = (
        [part.strip().encode() for part in value.split(",")]
        if name == "ipMatch"
        else _read_files(value, argument, offset, problems)
    )
    if name != "pmFromFile":
        _check_addresses(phrases, argument, problems)
    return tuple(phrases)


def _byte_ranges(text: str) -> bool:
    for part in text.split(","):
        found = re.fullmatch(r"\s*(\d{1,3})\s*(?:-\s*(\d{1,3}))?\s*", part)
        if found is None or not int(found[1]) <= int(found[2] or found[1]) <= 255:  # noqa: PLR2004 - a byte
            return False
    return True


def _check_addresses(phrases: list[bytes], argument: Argument, problems: list[ConfigProblem]) -> None:
    for phrase in phrases:
        try:
            ipaddress.ip_network(phrase.decode("latin-1"), strict=False)
        except ValueError:
            what = f"{phrase[:60].decode('latin-1')!r} is no address or network"
            problems.append(
                argument.location().problem(what, "write 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32")
            )


def _read_files(value: str, argument: Argument, offset: int, problems: list[ConfigProblem]) -> list[bytes]:
    phrases: list[bytes] = []
    for name in value.split():
        file = argument.file.parent / name
        location = argument.location(offset + value.index(name))
        # ModSecurity fetches such files at each start, so that its rules depend on a server of others.
        if name.startswith(("http://", "https://")):
            problems.append(
                location.problem("files are not fetched", "download it, pin it, and name the file")
            )
            continue
        try:
            if file.stat().st_size > MAX_PHRASE_FILE_BYTES:
                problems.append(location.problem(f"{file} is larger than {MAX_PHRASE_FILE_BYTES >> 20} MiB"))
                continue
            content = file.read_bytes()
        except OSError as error:
            problems.append(
                location.problem(f"{file} cannot be read: {error.strerror}", "paths count from the rule file")
            )
            continue
        phrases += phrases_of(content)
    if len(phrases) > MAX_PHRASES:
        problems.append(argument.location(offset).problem(f"more than {MAX_PHRASES} phrases"))
        return []
    return phrases


def phrases_of(content: bytes) -> list[bytes]:
    """The phrases of a file, each once: lines without comments (`#` first), outer blanks and empty lines."""
    lines = (line.strip() for line in content.splitlines())
    # The order of the file is kept, so that the same file always gives the same bundle.
    return list(dict.fromkeys(line for line in lines if line and not line.startswith(b"#")))
