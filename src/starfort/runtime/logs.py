"""Sets up Starfort's own log: readable lines on a terminal, JSON elsewhere; secrets are blanked by name."""

from __future__ import annotations

import logging
import os
import sys
from typing import Final, Literal

import structlog
from structlog.typing import EventDict, Processor

_SECRET_WORDS: Final = (
    "secret",
    "password",
    "token",
    "authorization",
    "cookie",
    "api_key",
    "hash_key",
    "private_key",
)
# These names contain a secret word, and their values give nothing away.
_HARMLESS: Final = frozenset({"password_hash", "tokens_active"})


def blank_secrets(_: object, __: str, event: EventDict) -> EventDict:
    """A structlog processor: a field whose name sounds like a secret loses its value."""
    for name in event:
        if name not in _HARMLESS and any(word in name.lower() for word in _SECRET_WORDS):
            event[name] = "[redacted]"
    return event


def configure(style: Literal["auto", "console", "json"] = "auto", level: str = "info") -> None:
    """Set up logging for the process; everything goes to stderr.

    Args:
        style: `auto` is `console` on a terminal and `json` elsewhere.
        level: `debug`, `info`, `warning` or `error`.
    """
    console = style == "console" or (style == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        blank_secrets,
    ]
    final: list[Processor] = (
        # The default traceback is rich's. It prints local variables, which may be configuration or keys.
        [
            structlog.dev.ConsoleRenderer(
                colors=not os.environ.get("NO_COLOR"), exception_formatter=structlog.dev.plain_traceback
            )
        ]
        if console
        else [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    )
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=shared + final,
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    # Other libraries log each request and query at `info`, so from them only warnings are shown.
    _take_over(shared, final, max(number, logging.WARNING))


def _take_over(shared: list[Processor], final: list[Processor], level: int) -> None:
    """Give log lines of other libraries (Python's `logging`) the form of ours, from a level on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *final],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
