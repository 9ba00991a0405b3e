"""Events: single requests, filtered by the address."""

from typing import Final

from starfort.admin.filters import EventFilter
from starfort.base.actions import ALLOW, STOPPED, decisions
from starfort.dashboard.forms import filled
from starfort.dashboard.frame import show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import PAGE_SIZE, View

PATH: Final = "/events"
FIELDS: Final = tuple(name for name in EventFilter.model_fields if name != "range")
ACTIONS: Final = [
    ("", "All", None),
    (STOPPED, "Stopped", None),
    *((action.word, action.past.capitalize(), None) for action in decisions() if action.word != ALLOW),
]

part = Template("events.html")


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen_with_range(*FIELDS)
    wanted = filled(EventFilter, {**chosen, "range": view.range})
    before = view.query.get("before") or None
    page = await view.insight.events(wanted, PAGE_SIZE, before)
    title_bar(view, "Events")
    # The chips and the search field show their own parameters; every other filter gets a chip of its own.
    others = [(name, value) for name, value in chosen.items() if name not in ("range", "action", "path")]
    show(part("filters", path=PATH, chosen=chosen, choices=ACTIONS, others=others))
    if not page.items:
        show(part("nothing", path=PATH))
        return
    show(
        part(
            "page",
            events=page.items,
            viewer=view.viewer,
            path=PATH,
            chosen=chosen,
            before=before,
            next=page.next,
        )
    )


PAGE = Page(PATH, "Events", build, menu=Menu(50, "M4 6h16M4 12h16M4 18h9"))
