"""What the learner is told of an API's calls, and what it answers.

`templates.learn` is a pure function of this evidence. The catalogue keeps it for each shape and bounds it:
when one place has more words than it keeps, the words with the fewest calls are folded into the shape of the
values (`Learned.shape`, which has `{slug}` in their place) with `folded`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

MAX_CALLERS: Final = 64
"""Callers are counted up to here: more of them prove nothing more."""

MAX_LOOKS: Final = 8
"""Different requests or answers of one shape that are kept; values of one parameter rarely have more."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What is known of the calls of one method and shape.

    Attributes:
        calls: answered calls.
        callers: how many different callers made them, at most `MAX_CALLERS`; 0 when that is not known. A
            caller is a subject, else a credential, else a client's address and fingerprint.
        first_seen: time of the first call, seconds since the epoch; 0 when that is not known.
        last_seen: time of the last one.
        requests: how requests looked, sorted, at most `MAX_LOOKS`: for example the media type and the names
            of query and body parameters, or a hash of these. Texts are only compared.
        answers: how answers with success looked, in the same way: for example the media type and the shape of
            the body. Empty when that is not known.
        words: how many different words were folded into this shape; 0 for a shape that was seen as it is.
    """

    calls: int = 1
    callers: int = 0
    first_seen: float = 0.0
    last_seen: float = 0.0
    requests: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    words: int = 0


Evidence: TypeAlias = Mapping[str, Mapping[str, Calls]]
"""The calls of an API by shape, as `segments.shape_of` gives it, and by method in upper case."""


@dataclass(frozen=True, slots=True)
class Learned:
    """The template that one shape belongs to.

    Attributes:
        template: path template, `/orders/{orderId}`.
        shape: the shape in which words that are values are replaced by `{slug}`; the evidence of this shape
            may be folded into it.
        confidence: how sure the learner is that all words of the shape are what the template says, 0 to 1.
            It is the least of its segments; segments that are values by their form or declared are sure.
    """

    template: str
    shape: str
    confidence: float = 1.0


def folded(many: Iterable[Calls]) -> Calls:
    """The evidence of several shapes as the evidence of one, in any order."""
    found = list(many)
    first = [one.first_seen for one in found if one.first_seen]
    return Calls(
        calls=sum(one.calls for one in found),
        # The callers of different words may be the same ones, so only the most of one word is certain.
        callers=max((one.callers for one in found), default=0),
        first_seen=min(first, default=0.0),
        last_seen=max((one.last_seen for one in found), default=0.0),
        requests=_looks(one.requests for one in found),
        answers=_looks(one.answers for one in found),
        words=sum(max(one.words, 1) for one in found),
    )


def _looks(many: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(sorted({look for looks in many for look in looks})[:MAX_LOOKS])
