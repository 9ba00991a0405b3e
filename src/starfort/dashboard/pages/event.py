"""One event: everything that is kept of a request."""

from urllib.parse import unquote

from starfort.dashboard.frame import grid, show, title_bar
from starfort.dashboard.page import Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import View

part = Template("event.html")


async def build(view: View) -> None:
    """Fill the page."""
    event = await view.insight.event(unquote(view.path.rpartition("/")[2]))
    title_bar(
        view,
        part("title", event=event),
        ranges=False,
        title_class="mono",
        crumbs=part("crumbs", event=event, viewer=view.viewer),
    )
    with grid("two"):
        show(part("decision", event=event))
        show(part("client", event=event))
    if event.evidence:
        with grid(""):
            show(part("matched", matches=event.evidence))
    with grid("two"):
        show(part("request", event=event))
        show(part("response", event=event))


PAGE = Page("/events/{event_id}", "Event", build)
