"""Signals: what detection says now, and how detectors run."""

from collections import Counter
from typing import Final

from starfort.dashboard.figures import words
from starfort.dashboard.frame import grid, show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import PAGE_SIZE, View

PATH: Final = "/signals"
MAX_KIND: Final = 128
"""Characters of a kind that the address may ask for: the most that a detector may give its signals."""

part = Template("signals.html")


async def build(view: View) -> None:
    """Fill the page."""
    kind = view.query.get("kind", "")[:MAX_KIND]
    every = view.insight.signals()
    signals = [signal for signal in every if kind in ("", signal.kind)]
    title_bar(view, "Signals", ranges=False)
    if every:
        counts = Counter(signal.kind for signal in every)
        choices = [("", "All", len(every)), *((name, words(name), count) for name, count in counts.items())]
        show(part("kinds", path=PATH, chosen=kind, choices=choices))
    show(
        part(
            "table",
            signals=signals[view.offset : view.offset + PAGE_SIZE],
            viewer=view.viewer,
            path=PATH,
            kind=kind,
            total=len(signals),
            limit=PAGE_SIZE,
            offset=view.offset,
        )
    )
    with grid(""):
        show(part("detectors", detectors=view.insight.detectors()))


PAGE = Page(
    PATH,
    "Signals",
    build,
    menu=Menu(80, "M12 20v-6m-5 2a7 7 0 0 1 0-9m10 9a7 7 0 0 0 0-9M12 12a1 1 0 1 0 0-2 1 1 0 0 0 0 2Z"),
)
