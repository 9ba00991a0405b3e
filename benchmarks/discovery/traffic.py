"""Turns a document into traffic: calls by Zipf's law, typed values, callers, noise and typing errors."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from benchmarks.discovery.documents import Document, Operation
from benchmarks.discovery.values import Zipf, pool

NOISE: Final = 0.05
"""Calls of scanners and of clients that are wrong here."""

TYPOS: Final = 0.02
"""Calls with an error in one fixed segment."""

CALLERS: Final = 200
DURATION_S: Final = 300.0
"""The time that the calls are spread over."""

SCANS: Final = (
    "/wp-login.php", "/.env", "/.git/config", "/admin", "/phpmyadmin/index.php", "/actuator/health",
    "/server-status", "/cgi-bin/test.cgi", "/vendor/phpunit/phpunit/src/Util/PHP/eval-stdin.php",
    "/robots.txt", "/favicon.ico", "/solr/admin/info/system", "/boaform/admin/formLogin",
    "/.aws/credentials", "/owa/auth/logon.aspx", "/HNAP1", "/api/jsonws/invoke", "/console",
    "/manager/html", "/backup.zip",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """One request with its answer.

    Attributes:
        time_s: seconds since the first.
        method: upper case.
        path: without query.
        status: of the answer.
        caller: number of the client.
        operation: the operation that was called; None for noise and errors.
    """

    time_s: float
    method: str
    path: str
    status: int
    caller: int
    operation: Operation | None


class Traffic:
    """The traffic of one document.

    Args:
        document: the truth.
        seed: the same seed gives the same traffic.
    """

    def __init__(self, document: Document, seed: int = 1) -> None:
        self._chance = random.Random(f"{seed} {document.name}")  # noqa: S311 (the same traffic each time)
        self._operations = list(document.operations)
        self._chance.shuffle(self._operations)
        self._pools: dict[str, tuple[list[str], Zipf]] = {}
        for operation in document.operations:
            for name, schema in operation.parameters.items():
                if name not in self._pools:
                    values = pool(name, schema, self._chance)
                    self._pools[name] = values, Zipf(len(values), 0.0 if "enum" in schema else 0.8)

    def once(self) -> Iterator[Call]:
        """Each operation once, answered."""
        for number, operation in enumerate(self._operations):
            yield self._call(operation, float(number))

    def calls(self, number: int) -> Iterator[Call]:
        """So many calls, in the order of time."""
        zipf, callers = Zipf(len(self._operations)), Zipf(CALLERS, 0.8)
        for count in range(number):
            time_s, kind = DURATION_S * count / number, self._chance.random()
            if kind < NOISE:
                yield self._noise(time_s)
                continue
            operation = self._operations[zipf.draw(self._chance)]
            if kind < NOISE + TYPOS:
                yield self._typo(operation, time_s)
                continue
            yield self._call(operation, time_s, callers.draw(self._chance))

    def _call(self, operation: Operation, time_s: float, caller: int = 0) -> Call:
        status = self._chance.choices((200, 201, 204, 400, 401, 404, 500), (85, 3, 2, 3, 2, 4, 1))[0]
        path = self._path(operation.template)
        return Call(time_s, operation.method, path, status, caller, operation)

    def _path(self, template: str) -> str:
        def value(found: re.Match[str]) -> str:
            values, zipf = self._pools[found[1]]
            return values[zipf.draw(self._chance)]

        return re.sub(r"\{([^{}]*)\}", value, template)

    def _noise(self, time_s: float) -> Call:
        path = self._chance.choice(SCANS)
        return Call(
            time_s, "GET", path, self._chance.choice((404, 404, 404, 403, 301, 405)), CALLERS + 1, None
        )

    def _typo(self, operation: Operation, time_s: float) -> Call:
        segments = operation.template.split("/")
        fixed = [place for place, text in enumerate(segments) if text and "{" not in text]
        if fixed:
            place = self._chance.choice(fixed)
            segments[place] = self._misspelt(segments[place])
        return Call(time_s, operation.method, self._path("/".join(segments)), 404, CALLERS + 2, None)

    def _misspelt(self, word: str) -> str:
        place = self._chance.randrange(len(word))
        other = self._chance.choice("abcdefghijklmnopqrstuvwxyz")
        return word[:place] + self._chance.choice(("", other, other + word[place])) + word[place + 1 :]
