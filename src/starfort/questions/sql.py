"""Checks the SQL of a question before ClickHouse sees it.

These checks exist for early, precise messages with line and column. They guard nothing: what a query may read
is granted by ClickHouse (`starfort.store.access`), and what it may cost is bounded when it runs (`ask.py`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final, NamedTuple

_PLACEHOLDER = re.compile(r"\{\s*(?P<name>[A-Za-z_]\w*)\s*:\s*(?P<type>[^{}]+?)\s*\}")
# Table functions that leave the store: other hosts, files, programs (system.table_functions of ClickHouse
# 26.9). The store grants none of them to queries; this list only says so early, with the line.
_OUTSIDE = re.compile(
    r"\b(url|file|s3|gcs|oss|cosn|hdfs|azureBlobStorage|remote|remoteSecure|cluster|clusterAllReplicas|mysql|postgresql"
    r"|mongodb|redis|sqlite|odbc|jdbc|ytsaurus|executable|python|input|iceberg\w*|deltaLake\w*|hudi|paimon\w*|arrowFlight"
    r"|prometheus\w*|catboostEvaluate|dictionary|\w+Cluster)\s*\(",
    re.IGNORECASE,
)
_LITERAL = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.DOTALL)
_TOKEN = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`|\"[^\"]*\"|--[^\n]*|/\*.*?\*/", re.DOTALL)

WINDOW_BEGIN: Final = "since"
"""The parameter that every question must use: without it, each run would read all events ever kept."""

SLOTS: Final = frozenset({"slots", "slot"})
"""Parameters of a question that can be asked about a share of its keys: how many shares, and which one."""


class SqlProblem(NamedTuple):
    """One thing that is wrong with a query.

    Attributes:
        offset: where it is, in characters from the begin of the query.
        what: what is wrong.
    """

    offset: int
    what: str


def placeholders(sql: str) -> set[str]:
    """Names of the parameters that a text of SQL uses."""
    return {found["name"] for found in _PLACEHOLDER.finditer(sql)}


def sql_problems(
    sql: str, given: Collection[str], thresholds: Collection[str], noun: str
) -> list[SqlProblem]:
    """What is wrong with a query, apart from what only ClickHouse can say.

    Args:
        sql: the query.
        given: parameters that are there without being declared.
        thresholds: parameters that the front matter declares.
        noun: what the file is, for messages: `detector`, `check`.
    """
    bare = without_comments(sql)
    problems: list[SqlProblem] = []
    if not re.match(r"\s*(SELECT|WITH)\b", bare, re.IGNORECASE):
        problems.append(SqlProblem(0, "the query begins with no SELECT or WITH"))
    # `take_apart` has removed a semicolon at the very end, so any other one separates statements.
    if ";" in bare:
        problems.append(SqlProblem(bare.index(";"), f"more than one statement; a {noun} is one SELECT"))
    problems += [
        SqlProblem(found.start(), f"{found[1]}() leaves the store; a {noun} reads its tables only")
        for found in _OUTSIDE.finditer(_without_literals(bare))
    ]
    known = {*given, *thresholds}
    problems += [
        SqlProblem(
            found.start(), f"parameter {found['name']} is no threshold; declare it in the front matter"
        )
        for found in _PLACEHOLDER.finditer(bare)
        if found["name"] not in known
    ]
    used = placeholders(bare)
    if len(SLOTS & used) == 1:
        what = "the query uses one of {slots:UInt32} and {slot:UInt32}; it needs both, or none"
        problems.append(SqlProblem(0, what))
    if WINDOW_BEGIN not in used:
        what = "the query does not use {since:DateTime64(6, 'UTC')}, so its window is not bounded"
        problems.append(SqlProblem(0, what))
    return problems


def unused(sql: str, thresholds: Collection[str]) -> list[SqlProblem]:
    """Thresholds that a query does not use: a setting without effect would mislead whoever changes it."""
    used = placeholders(without_comments(sql))
    return [
        SqlProblem(0, f"threshold {name} is not used in the query") for name in sorted(set(thresholds) - used)
    ]


def without_comments(sql: str) -> str:
    """The query with comments blanked, and without what `;` and braces mean inside quoted text.

    Every character keeps its place, so that offsets hold for the query as written.
    """

    def blank(found: re.Match[str]) -> str:
        text = found[0]
        if text.startswith(("--", "/*")):
            return re.sub(r"[^\n]", " ", text)
        return text[0] + re.sub(r"[;{}]", " ", text[1:-1]) + text[-1]

    return _TOKEN.sub(blank, sql)


def _without_literals(sql: str) -> str:
    """The query with its string literals blanked: `path LIKE '%url(%'` calls nothing."""
    return _LITERAL.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), sql)
