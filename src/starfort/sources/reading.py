"""Reads files, and counts what became of everything in them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from starfort.sources import files
from starfort.sources.call import Call, Part
from starfort.sources.errors import SourceError
from starfort.sources.formats.lines import LineFormat
from starfort.sources.formats.outcome import Failure, Skipped
from starfort.sources.recognise import recognise

MAX_SHOWN: Final = 20
"""Mistakes of all files that are shown; all are counted."""

MAX_SHOWN_CHARS: Final = 300
"""Characters of a mistake that are shown: it may quote what somebody else sent."""

_DAY_US: Final = 86_400_000_000
_FIRST_US: Final = 31_536_000_000_000
"""1971: a call before it has a clock that was never set."""


@dataclass(slots=True)
class Tally:
    """What became of the content of some files.

    Attributes:
        files: files by their format.
        calls: calls that were read.
        skipped: pieces that are no calls, by reason.
        failed: pieces that could not be read.
        failures: the first of them, with file and place.
        unseen: how many calls lack a part, by part.
        without_time: calls whose source has no times; they count as made now.
        first_us: the time of the earliest call, Unix microseconds; 0 before there is one.
        last_us: that of the latest.
        broken: files that could not be read, or not to their end.
    """

    files: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    failed: int = 0
    failures: list[str] = field(default_factory=list)
    unseen: Counter[str] = field(default_factory=Counter)
    without_time: int = 0
    first_us: int = 0
    last_us: int = 0
    broken: int = 0

    def fail(self, file: str, failure: Failure) -> None:
        """Count a piece that could not be read."""
        self.failed += 1
        self._show(f"{file}: {failure.where}: {failure.what}")

    def break_off(self, file: str, error: SourceError) -> None:
        """Count a file that could not be read any further."""
        self.broken += 1
        self._show(f"{file}: {error.what}" + (f" ({error.fix})" if error.fix else ""))

    def _show(self, text: str) -> None:
        if len(self.failures) < MAX_SHOWN:
            self.failures.append(text[:MAX_SHOWN_CHARS])

    def take(self, call: Call) -> None:
        """Count a call."""
        self.calls += 1
        for part in call.unseen:
            self.unseen[part.value] += 1
        if call.time_us is None:
            self.without_time += 1
            return
        self.first_us = min(self.first_us or call.time_us, call.time_us)
        self.last_us = max(self.last_us, call.time_us)


@dataclass(frozen=True, slots=True)
class Options:
    """How files are read.

    Attributes:
        log_format: the format of access logs; `None`: recognised.
        host: the host of calls whose file names none.
        every_host: the host of all calls, whatever the file says; "" to believe the file.
        limit: the most calls that are read.
    """

    log_format: LineFormat | None = None
    host: str = ""
    every_host: str = ""
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Sourced:
    """A call, and the word for where it was seen (column `source` of events)."""

    source: str
    call: Call


def read(
    paths: Sequence[Path],
    options: Options,
    tally: Tally,
    progress: Callable[[int], None] = lambda _: None,
) -> Iterator[Sourced]:
    """The calls of some files, in the order of the files.

    Args:
        paths: files, `-` for standard input; `files.expand` resolves folders.
        options: how they are read.
        tally: counts what became of everything.
        progress: told now and then how many bytes of all files were read.

    Yields:
        One call after the other. What cannot be read is in the tally.
    """
    done = 0
    for path in paths:
        try:
            with files.opened(path) as file:
                format_ = recognise(file, options.log_format)
                tally.files[format_.name] += 1
                for number, outcome in enumerate(format_.read(file.stream)):
                    if number % 256 == 0:
                        progress(done + file.at())
                    if isinstance(outcome, Failure):
                        tally.fail(file.name, outcome)
                    elif isinstance(outcome, Skipped):
                        tally.skipped[outcome.reason] += 1
                    elif (call := _checked(outcome, options, tally, file.name, number)) is not None:
                        yield Sourced(format_.source, call)
                        if options.limit is not None and tally.calls >= options.limit:
                            return
                done += file.at()
        except SourceError as error:
            tally.break_off(str(path) if path != files.STDIN else "stdin", error)
        progress(done)


def _checked(call: Call, options: Options, tally: Tally, file: str, number: int) -> Call | None:
    """The call as it is recorded, `None` when its time cannot be."""
    when = call.time_us
    if when is not None and not _FIRST_US <= when <= time.time_ns() // 1000 + _DAY_US:
        tally.fail(file, Failure(f"call {number + 1}", "its time is before 1971 or after tomorrow"))
        return None
    host = options.every_host or call.host or options.host
    if host != call.host:
        call = replace(call, host=host)
    tally.take(call)
    return call


def missing(tally: Tally) -> list[str]:
    """What the calls of some files lack, in sentences for people.

    Returns:
        One sentence for each part that some call lacks; none when nothing is missing.
    """
    found = []
    for part, sentence in _MEANS.items():
        count = tally.unseen[part.value]
        if count:
            share = "all" if count == tally.calls else f"{count:,} of {tally.calls:,}"
            found.append(f"{share} calls: {sentence}")
    return found


_MEANS: Final = {
    Part.RESPONSE: "no answer is known, so an endpoint counts when it was called often, or saved",
    Part.REQUEST_HEADERS: "headers of requests are not known, so nothing is said of credentials",
    Part.REQUEST_BODY: "bodies of requests are not known, so parameters are those of path and query alone",
    Part.RESPONSE_HEADERS: "headers of responses are not known",
    Part.RESPONSE_BODY: "bodies of responses are not known, so no sensitive data in them is found",
}
