"""Envoy's tap as a source: asked for at the admin address, or read from a folder that it writes to."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import structlog

from starfort.sources import files
from starfort.sources.call import Call
from starfort.sources.errors import SourceError
from starfort.sources.formats.outcome import Outcome
from starfort.sources.formats.tap import Taps, wrapper_of_json
from starfort.sources.live.gate import Gate
from starfort.sources.recognise import recognise

MOST_MESSAGE: Final = 32 << 20
"""Characters of one message: two bodies of 2 MiB as Base64, and their headers."""

AGAIN_S: Final = 1.0
LONGEST_AGAIN_S: Final = 30.0
"""The first and the longest wait before an Envoy that is away is asked again; the wait doubles."""

LOOK_S: Final = 1.0
"""How often a folder is looked at."""

SETTLED_S: Final = 1.0
"""A file that was not written to for so long is complete."""

MOST_FILES: Final = 2_000
"""Files that are read at each look; the next look takes the next ones."""


log = structlog.get_logger(__name__)


class TapAdminSource:
    """Asks an Envoy for its tap.

    Args:
        admin: address of the admin interface.
        config_id: of the tap filter.
        gate: takes the calls.
        most_body: bytes of each body that Envoy keeps.

    Attributes:
        error: why there is no tap now, "" while there is one.
    """

    def __init__(self, admin: str, config_id: str, gate: Gate, most_body: int) -> None:
        self._url = f"{admin.rstrip('/')}/tap"
        self._config_id = config_id
        self._gate = gate
        self._most_body = most_body
        self.error = ""

    async def run(self) -> None:
        """Read the tap until cancelled, and ask for it again whenever it ends."""
        pause = AGAIN_S
        while True:
            began = time.monotonic()
            try:
                await self._once()
            except SourceError as error:
                # Envoys come and go: each reason is told once.
                if error.what != self.error:
                    log.warning("tap_away", admin=self._url, why=error.what)
                self.error = error.what
            if time.monotonic() - began > LONGEST_AGAIN_S:
                pause = AGAIN_S
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_AGAIN_S)

    async def _once(self) -> None:
        """Read the tap for as long as Envoy streams it.

        Raises:
            SourceError: Envoy refuses, or the connection ended.
        """
        # No time-out for reading: without calls there is nothing to read.
        timeout = httpx.Timeout(10.0, read=None)
        async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
            try:
                async with client.stream("POST", self._url, json=self._asked()) as answer:
                    if answer.status_code != httpx.codes.OK:
                        text = (await answer.aread())[:200].decode(errors="replace")
                        raise SourceError(f"{self._url} answers {answer.status_code}: {text}")
                    self.error = ""
                    await self._take(answer.aiter_text())
            except httpx.HTTPError as error:
                raise SourceError(f"{self._url}: {str(error) or type(error).__name__}") from error
        raise SourceError(f"{self._url}: Envoy ended the tap")

    def _asked(self) -> dict[str, Any]:
        """What is asked for (`envoy.admin.v3.TapRequest`): all calls, each when it is over."""
        return {
            "config_id": self._config_id,
            "tap_config": {
                "match": {"any_match": True},
                "output_config": {
                    "max_buffered_rx_bytes": self._most_body,
                    "max_buffered_tx_bytes": self._most_body,
                    "sinks": [{"format": "JSON_BODY_AS_BYTES", "streaming_admin": {}}],
                },
            },
        }

    async def _take(self, texts: AsyncIterator[str]) -> None:
        taps, messages = Taps(live=True), Messages()
        async for text in texts:
            for message in messages.feed(text):
                if message is None:
                    self._gate.drop("unreadable")
                    continue
                try:
                    _offer(self._gate, taps.take(wrapper_of_json(message)))
                except ValueError:
                    self._gate.drop("unreadable")


class Messages:
    """Cuts a stream of indented JSON objects into objects.

    A closing brace at the beginning of a line ends an object: text within one has no line breaks (RFC 8259,
    7), and everything else in it is indented. So each character is looked at once.
    """

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._size = 0
        self._rest = ""

    def feed(self, text: str) -> Iterator[object | None]:
        """The objects that a piece of the stream completes; `None` for one that cannot be read."""
        lines = (self._rest + text).split("\n")
        # The end of the stream so far may be a whole closing line.
        self._rest = lines.pop()
        if self._rest == "}":
            lines.append("}")
            self._rest = ""
        if len(self._rest) > MOST_MESSAGE:
            self._rest = ""
            yield None
        for each in lines:
            line = each
            # Without a line break in between, the next object begins where the last one ended.
            if line.startswith("}"):
                self._add("}")
                yield self._object()
                line = line[1:].lstrip()
            self._add(line)
            if len(self._lines) == 1 and line.startswith("{") and line.endswith("}"):
                yield self._object()

    def _add(self, line: str) -> None:
        if not self._lines and not line.strip():
            return
        if self._size <= MOST_MESSAGE:
            self._lines.append(line)
        self._size += len(line)

    def _object(self) -> object | None:
        lines, size = self._lines, self._size
        self._lines, self._size = [], 0
        if size > MOST_MESSAGE:
            return None
        try:
            found: object = json.loads("\n".join(lines))
        except (ValueError, RecursionError):
            return None
        return found


class TapFolderSource:
    """Reads the files that a tap filter writes, one for each call, and removes them. Other files stay.

    Args:
        folder: where they are.
        gate: takes the calls.
    """

    def __init__(self, folder: Path, gate: Gate) -> None:
        self._folder = folder
        self._gate = gate
        self._others: set[Path] = set()

    async def run(self) -> None:
        """Look for files until cancelled.

        Raises:
            OSError: the folder cannot be read.
        """
        while True:
            for outcomes in await asyncio.to_thread(self._look):
                if outcomes is None:
                    self._gate.drop("unreadable")
                else:
                    _offer(self._gate, iter(outcomes))
            await asyncio.sleep(LOOK_S)

    def _look(self) -> list[list[Outcome] | None]:
        """What is in the files that are complete; `None` for one that cannot be read."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settled = time.time() - SETTLED_S
        found = []
        present = set(self._folder.iterdir())
        self._others &= present
        for path in sorted(present - self._others)[:MOST_FILES]:
            # A link could lead to a file that is not a tap's.
            if path.is_symlink() or not path.is_file() or path.stat().st_mtime > settled:
                continue
            outcomes = _outcomes(path)
            found.append(outcomes)
            if outcomes is None:
                self._others.add(path)
            else:
                path.unlink(missing_ok=True)
        return found


def _outcomes(path: Path) -> list[Outcome] | None:
    try:
        with files.opened(path) as file:
            format_ = recognise(file)
            return list(format_.read(file.stream)) if format_.source == "tap" else None
    except SourceError:
        return None


def _offer(gate: Gate, outcomes: Iterator[Outcome]) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Call):
            gate.offer(outcome)
        else:
            gate.drop("skipped")
