"""Text formats that have a call on each line, and which of them a file has."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from starfort.sources.call import Call
from starfort.sources.errors import SourceError
from starfort.sources.formats import alb, apache, envoy, json_log, nginx
from starfort.sources.formats.fields import call_of
from starfort.sources.formats.outcome import Outcome, Skipped
from starfort.sources.formats.template import JsonTemplate, compiled

Parse = Callable[[str], Outcome]

LOOKED_AT: Final = 50
"""Lines from which a format is recognised."""

_LEAST_SHARE: Final = 0.5
"""The share of these lines that have to be calls in the format: half of a log of an exposed server may be
handshakes of TLS and other noise."""


@dataclass(frozen=True, slots=True)
class LineFormat:
    """One text format.

    Attributes:
        name: as people know it.
        parse: makes a call of a line; raises `ValueError` when the line has another format.
    """

    name: str
    parse: Parse


def _of_text(name: str, text: str) -> LineFormat:
    template = compiled(text)
    return LineFormat(name, lambda line: call_of(template.read(line)))


def _json(line: str) -> Call:
    return json_log.call(json_log.parse(line))


JSON: Final = LineFormat("access log, JSON lines", _json)
"""Lines that are JSON objects."""

FORMATS: Final[tuple[LineFormat, ...]] = (
    LineFormat("AWS ALB access log", lambda line: call_of(alb.read(line))),
    _of_text("Envoy access log (Istio)", envoy.ISTIO),
    _of_text("Envoy access log", envoy.DEFAULT),
    _of_text("access log, combined", apache.COMBINED),
    _of_text("access log, combined with host", apache.VHOST_COMBINED),
    _of_text("access log, combined and more", apache.COMBINED + " %{X-Rest}i"),
    _of_text("access log, common with host", f"%v:%p {apache.COMMON}"),
    _of_text("access log, common", apache.COMMON),
)
"""The more exact one first: of two that fit equally well, the first is taken."""


def custom(text: str) -> LineFormat:
    """The format that people write down.

    Args:
        text: nginx's, Apache's or Envoy's, or one of their names.

    Raises:
        SourceError: it is none.
    """
    named = {"combined": nginx.COMBINED, "common": apache.COMMON, "vhost_combined": apache.VHOST_COMBINED}
    template = compiled(named.get(text.strip(), text))
    if isinstance(template, JsonTemplate):
        members = template
        return LineFormat("access log, JSON lines", lambda line: call_of(members.of(json_log.parse(line))))
    return LineFormat("access log", lambda line: call_of(template.read(line)))


def recognised(lines: Iterable[str]) -> LineFormat | None:
    """The format that most of some lines have, `None` when no format has half of them."""
    looked_at = [line for line in lines if line.strip() and not line.startswith("#")][:LOOKED_AT]
    best, most = None, 0
    for format_ in (JSON, *FORMATS):
        fits = sum(_fits(format_, line) for line in looked_at)
        if fits > most:
            best, most = format_, fits
    return best if looked_at and most >= _LEAST_SHARE * len(looked_at) else None


def _fits(format_: LineFormat, line: str) -> bool:
    try:
        format_.parse(line)
    except (ValueError, SourceError):
        return False
    return True


def outcome_of(format_: LineFormat, line: str) -> Outcome:
    """What becomes of a line.

    Raises:
        ValueError: it has another format.
    """
    # Comments stand in logs of the W3C format, and in files that people edited.
    if not line.strip() or line.startswith("#"):
        return Skipped("comment")
    return format_.parse(line)
