"""The parts of pages that list policy actions, from the table of actions.

The pages themselves are written by hand: a made part stands between `<!-- actions: NAME -->` and `<!-- end -->`, and in
the table of an event's columns the row of `action` is made.
"""

import re
from collections.abc import Iterable
from pathlib import Path

from starfort.base.actions import ACTIONS, ALLOW, Ends, Works, decisions

DOCS = Path(__file__).parents[1] / "docs"

ROW = re.compile(r"^\| `action` \| utf8 \| .*$", re.MULTILINE)
"""The row of `action` in `docs/events.md`."""


def policies_page() -> str:
    """`docs/policies.md` with its parts about actions as the table has them."""
    page = (DOCS / "policies.md").read_text(encoding="utf-8")
    for name, text in (("order", _order()), ("table", _table()), ("phases", _phases())):
        part = re.compile(rf"(<!-- actions: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if len(part.findall(page)) != 1:
            raise ValueError(f"docs/policies.md has to have one part <!-- actions: {name} -->")
        page = part.sub(lambda found, text=text: f"{found[1]}{text}\n{found[2]}", page)
    return page


def events_page() -> str:
    """`docs/events.md` with the row of `action` as the table has it."""
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    words = _words(action.word for action in decisions())
    row = f"| `action` | utf8 | what was done: {words} (`{ALLOW}` when nothing applied) |"
    if len(ROW.findall(page)) != 1:
        raise ValueError("docs/events.md has to have one row for `action`")
    return ROW.sub(lambda _: row, page)


def _words(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _sentence(words: Iterable[str]) -> str:
    """`a`, `b` and `c`."""
    *first, last = [f"`{word}`" for word in words]
    return f"{', '.join(first)} and {last}" if first else last


def _order() -> str:
    def of(ends: Ends) -> str:
        return _sentence(action.word for action in ACTIONS if action.ends is ends)

    return (
        f"**Order.** {of(Ends.ALWAYS)} end the list. {of(Ends.WHEN_EXCEEDED)} ends it when its rate is exceeded.\n"
        f"{of(Ends.NEVER)} act, and the next policy is asked. When nothing ends the list, the request passes."
    )


def _table() -> str:
    rows = [f"| `{action.example}` | {action.happens} |" for action in ACTIONS]
    return "\n".join(["| action | what happens |", "|---|---|", *rows])


def _phases() -> str:
    def of(*works: Works) -> str:
        return _sentence(action.word for action in ACTIONS if action.works in works)

    return (
        f"{of(Works.ON_REQUEST)} are decided before the request goes to the upstream, and cannot follow a condition on\n"
        "the response (`response.*`, `sensitive.response`, `rules.outbound_score`, `contract.response.valid`).\n"
        f"{of(Works.ON_BOTH)} are decided when the response arrives if the condition uses something of it, else before.\n"
        f"{of(Works.ON_RESPONSE)} is always decided when the response arrives."
    )
