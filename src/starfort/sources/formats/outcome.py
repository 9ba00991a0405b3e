"""What becomes of one piece of a file: a call, nothing of interest, or a mistake."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from starfort.sources.call import Call


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that is no call to an API, and no mistake either.

    Attributes:
        reason: a word that is counted: `no_answer`, `no_http`, `not_a_server_span`, `comment`.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Something that should be a call and cannot be read.

    Attributes:
        where: its place in the file: `line 7`, `log.entries[3]`.
        what: what is wrong, without any value but its beginning.
    """

    where: str
    what: str


Outcome: TypeAlias = Call | Skipped | Failure
