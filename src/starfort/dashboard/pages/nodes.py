"""Nodes: whether Starfort itself is well."""

from datetime import UTC, datetime

from markupsafe import Markup

from starfort.dashboard.figures import duration
from starfort.dashboard.frame import grid, refresh, show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import View

part = Template("nodes.html")


async def build(view: View) -> None:
    """Fill the page, and keep it fresh."""
    health, nodes, *boxes = _parts(view)
    title_bar(view, "Nodes", ranges=False)
    shown = [show(health)]
    with grid(""):
        shown.append(show(nodes))
    with grid("three"):
        shown += [show(box) for box in boxes]

    async def again() -> None:
        for place, content in zip(shown, _parts(view), strict=True):
            place.set_content(str(content))

    refresh(view, again)


def _parts(view: View) -> list[Markup]:
    """The health, the nodes, and three boxes: configuration, store and Envoy, all of one moment."""
    status, viewer = view.insight.status(), view.viewer
    return [
        part("health", status=status, uptime=duration(status.uptime_s)),
        part("nodes", status=status, viewer=viewer, time=_time),
        part("configuration", config=status.config, viewer=viewer, time=_time),
        part("store", store=status.store),
        part("envoy", status=status),
    ]


def _time(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


PAGE = Page("/nodes", "Nodes", build, menu=Menu(90, "M4 4h16v6H4V4Zm0 10h16v6H4v-6Zm4-7h.1M8 17h.1"))
