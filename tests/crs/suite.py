"""CRS' regression tests as data, and what running one of them shows."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h11
import yaml

from starfort.threats.rulesets import BASE_RULES
from starfort.threats.seclang.load import CompiledRules, load_rules
from starfort.threats.seclang.parse import Snippet
from tests.crs.backend import Response, answer
from tests.crs.request import Request, read, wire
from tests.support.corpora import corpus

CORPUS = corpus("crs")

# what the suite's README asks for, in our words: nothing blocks, every rule runs, and limits that its tests rely on
TEST_SETTINGS = Snippet(
    "tests/crs settings",
    'SecAction "id:900005,phase:1,nolog,pass,ctl:ruleEngine=DetectionOnly,ctl:ruleRemoveById=910000,'
    + "".join(
        f"setvar:tx.{name}={value},"
        for name, value in {
            "blocking_paranoia_level": 4,
            "crs_validate_utf8_encoding": 1,
            "arg_name_length": 100,
            "arg_length": 400,
            "total_arg_length": 64000,
            "max_num_args": 255,
            "max_file_size": 64100,
            "combined_file_sizes": 65535,
        }.items()
    )
    + 't:none"\n',
)

BAD_REQUEST = 400

Inspect = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]
"""Request and response → what the rules found, as `starfort._engine.RuleSet.inspect` gives it."""


@dataclass(frozen=True)
class Stage:
    """One request of a test, and what is expected of it.

    Attributes:
        id: `RULE-TEST`, and `.N` from the second stage on.
    """

    id: str
    description: str
    input: dict[str, Any]
    output: dict[str, Any]

    @property
    def rule(self) -> int:
        """The rule that it belongs to."""
        return int(self.id.partition("-")[0])

    @property
    def positive(self) -> bool:
        """Whether something must happen (a match, a refusal), rather than must not."""
        log = self.output.get("log") or {}
        return not log or "expect_ids" in log or "match_regex" in log


@functools.cache
def compiled() -> CompiledRules:
    """The suite's rules: Starfort's base, CRS' example set-up, the suite's settings, CRS."""
    return load_rules([BASE_RULES, CORPUS / "crs-setup.conf.example", TEST_SETTINGS, CORPUS / "rules"])


def stages(corpus: Path = CORPUS) -> Iterator[Stage]:
    """Every stage of every test, by file."""
    for file in sorted(corpus.glob("tests/regression/tests/*/*.y*ml")):
        document = yaml.load(file.read_bytes(), yaml.CSafeLoader)
        for test in (document or {}).get("tests", ()):
            for number, stage in enumerate(test["stages"], 1):
                name = f"{document['rule_id']}-{test['test_id']}" + (f".{number}" if number > 1 else "")
                yield Stage(name, str(test.get("desc", "")), stage["input"], stage["output"])


def refused(raw: bytes) -> bool:
    """Whether a server that speaks HTTP/1.0 and 1.1 refuses these bytes before any rule sees them.

    h11 stands for such a server; it takes other versions, which a server need not (RFC 9110, 15.6.6).
    """
    if read(raw).protocol not in {b"HTTP/1.0", b"HTTP/1.1"}:
        return True
    connection = h11.Connection(h11.SERVER)
    try:
        connection.receive_data(raw)
        event = connection.next_event()
        while event is not h11.NEED_DATA and not isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            event = connection.next_event()
    except h11.RemoteProtocolError:
        return True
    return False


def failures(stage: Stage, inspect: Inspect) -> list[str]:
    """Run a stage; what is not as expected, in words; nothing when all is.

    Where a test wants the server to refuse the request (status 400) and says nothing of the log, either an HTTP
    server does refuse it, or the rule that the test belongs to finds what it should have been refused for.
    """
    raw = wire(stage.input)
    output = stage.output
    if (output.get("expect_error") or output.get("status", 200) >= BAD_REQUEST) and refused(raw):
        return []
    request = read(raw)
    response = answer(request)
    found = inspect(as_request(request), as_response(response))
    log = output.get("log") or {}
    wrong = []
    if output.get("status", 200) >= BAD_REQUEST:
        log = log or {"expect_ids": [stage.rule]}
    elif output.get("status", response.status) != response.status:
        wrong.append(f"status {response.status}, expected {output['status']}")
    return wrong + list(log_failures(log, found))


def as_request(request: Request) -> dict[str, Any]:
    """A request as the engine takes it."""
    return {
        "method": request.method,
        "uri": request.target,
        "protocol": request.protocol.decode("latin-1"),
        "headers": request.headers,
        "body": request.body,
        "remote_addr": "192.0.2.10",
        "remote_port": 50000,
        "server_addr": "192.0.2.1",
        "server_port": 80,
        "scheme": "http",
    }


def as_response(response: Response) -> dict[str, Any]:
    """A response as the engine takes it."""
    return {
        "status": response.status,
        "protocol": "HTTP/1.1",
        "headers": [(name.encode(), value.encode()) for name, value in response.headers],
        "body": response.body,
    }


def log_failures(log: dict[str, Any], found: dict[str, Any]) -> Iterator[str]:
    """What of the log is not as expected, in words.

    Args:
        log: `output.log` of a stage.
        found: `matched` as the engine gives it.
    """
    logged = [match for match in found["matched"] if match["log"]]
    ids = {match["id"] for match in logged}
    for rule in log.get("expect_ids", ()):
        if rule not in ids:
            yield f"{rule} is missing (logged: {sorted(ids)})"
    for rule in log.get("no_expect_ids", ()):
        if rule in ids:
            match = next(match for match in logged if match["id"] == rule)
            yield f"{rule} is there: {match['logdata']!r} in {[var['name'] for var in match['vars']][:4]}"
    text = "\n".join(_line(match) for match in logged)
    if "match_regex" in log and not re.search(log["match_regex"], text):
        yield f"no line matches {log['match_regex']!r} (logged: {sorted(ids)})"
    if "no_match_regex" in log and re.search(log["no_match_regex"], text):
        yield f"a line matches {log['no_match_regex']!r} (logged: {sorted(ids)})"


def _line(match: dict[str, Any]) -> str:
    """A match as a line of an error log, for expectations that are patterns of such a line."""
    names = ", ".join(str(var["name"]) for var in match["vars"])
    line = (
        f'Warning. Matched at {names}. [id "{match["id"]}"] [msg "{match["msg"]}"] [data "{match["logdata"]}"]'
        f' [severity "{match["severity"]}"]'
    )
    # a log line is one line, as servers write it
    return line.replace("\r", "\\r").replace("\n", "\\n")
