"""Catalogue: every API endpoint that is live, as a tree by host and path and as a list."""

from collections.abc import Iterator
from typing import Final

from starfort.admin.filters import EndpointFilter
from starfort.dashboard.forms import filled
from starfort.dashboard.frame import grid, show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import PAGE_SIZE, View
from starfort.dashboard.viewer import link

PATH: Final = "/catalogue"
FIELDS: Final = ("search", "api", "host", "prefix", "show", "sort")

part = Template("catalogue.html")


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen(*FIELDS)
    wanted = filled(EndpointFilter, chosen)
    endpoints = view.insight.endpoints
    counts = await endpoints.counts()
    page = await endpoints.page(wanted, PAGE_SIZE, view.offset)
    tree = await endpoints.tree(wanted)
    crumbs = part("crumbs", path=PATH, steps=list(_steps(wanted))) if wanted.host else ""
    title_bar(view, "Catalogue", crumbs=crumbs, ranges=False)
    show(part("filters", path=PATH, chosen=chosen, counts=counts))
    if wanted.api:
        show(part("of_api", api=wanted.api))
    with grid("side-list"):
        show(part("tree", path=PATH, chosen=chosen, wanted=wanted, tree=tree, up=_up(chosen, wanted)))
        show(
            part(
                "list",
                page=page,
                viewer=view.viewer,
                path=PATH,
                chosen=chosen,
                wanted=wanted,
                total=counts.total,
            )
        )


def _steps(wanted: EndpointFilter) -> Iterator[tuple[str, str]]:
    """The way to a place in the tree: the name and the address of each place on it."""
    yield wanted.host, link(PATH, host=wanted.host)
    prefix = ""
    for name in filter(None, wanted.prefix.split("/")):
        prefix = f"{prefix}/{name}"
        yield name, link(PATH, host=wanted.host, prefix=prefix)


def _up(chosen: dict[str, str], wanted: EndpointFilter) -> str:
    """The address of the place above: a shorter prefix, or all hosts."""
    if wanted.prefix:
        return link(PATH, chosen, prefix=wanted.prefix.rpartition("/")[0])
    return link(PATH, chosen, host="", prefix="")


PAGE = Page(PATH, "Catalogue", build, menu=Menu(30, "M5 4v16M5 6h6M5 12h10M5 18h14"))
