"""Catalogue: every API endpoint that is live, as a tree by host and path and as a list."""

from typing import Any

from markupsafe import Markup

from starfort.admin import models
from starfort.admin.filters import EndpointFilter
from starfort.dashboard import shapes
from starfort.dashboard.forms import filled
from starfort.dashboard.frame import PAGE_SIZE, View, grid, show_markup, title_bar
from starfort.dashboard.markup import Content, join, tag
from starfort.dashboard.viewer import link, segment

PATH = "/catalogue"
FIELDS = ("search", "api", "host", "prefix", "show", "sort")


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen(*FIELDS)
    chosen.pop("range", None)
    wanted = filled(EndpointFilter, chosen)
    endpoints = view.insight.endpoints
    counts = await endpoints.counts()
    page = await endpoints.page(wanted, PAGE_SIZE, view.offset)
    tree = await endpoints.tree(wanted)
    title_bar(view, "Catalogue", crumbs=_crumbs(wanted), ranges=False)
    kinds = [
        ("", "All", counts.total),
        ("new", "New", counts.new),
        ("undocumented", "Undocumented", counts.undocumented),
        ("sensitive", "Sensitive data", counts.sensitive),
        ("unauthenticated", "No credentials", counts.unauthenticated),
    ]
    show_markup(
        tag(
            "div",
            shapes.chips(PATH, chosen, "show", kinds),
            shapes.search(PATH, chosen, "search", "Find by method, host or path"),
            class_="bar-row",
        )
    )
    with grid("side-list"):
        show_markup(_tree(chosen, wanted, tree))
        show_markup(_list(view, chosen, wanted, page, counts.total))


def _crumbs(wanted: EndpointFilter) -> Content:
    if not wanted.host:
        return None
    steps = [
        tag("a", "all hosts", href=PATH),
        " / ",
        tag("a", wanted.host, href=link(PATH, host=wanted.host)),
    ]
    prefix = ""
    for part in [step for step in wanted.prefix.split("/") if step]:
        prefix = f"{prefix}/{part}"
        steps += [" / ", tag("a", part, href=link(PATH, host=wanted.host, prefix=prefix), class_="mono")]
    return join(*steps)


def _tree(chosen: dict[str, Any], wanted: EndpointFilter, tree: models.Tree) -> Markup:
    up = None
    if wanted.host:
        parent = wanted.prefix.rpartition("/")[0]
        target = (
            link(PATH, chosen, prefix=parent) if wanted.prefix else link(PATH, chosen, host="", prefix="")
        )
        up = tag("li", tag("a", tag("span", "↑ up"), href=target, class_="up"))
    here = (
        tag(
            "li",
            tag(
                "a",
                tag("span", wanted.prefix or wanted.host or "All hosts", class_="mono"),
                class_="on",
                href=link(PATH, chosen),
            ),
        )
        if wanted.host
        else None
    )
    nodes = [
        tag(
            "li",
            tag(
                "a",
                tag(
                    "span", ("" if not wanted.host else "/") + node.segment, class_="mono", title=node.segment
                ),
                tag(
                    "em",
                    f"{node.attention} !",
                    title="new and undocumented, or sensitive without credentials",
                )
                if node.attention
                else None,
                tag("b", shapes.number(node.endpoints)),
                href=link(PATH, chosen, host=node.host, prefix=node.prefix, offset=""),
            ),
        )
        for node in tree.children
    ]
    left = tree.total - len(tree.children)
    if left > 0:
        nodes.append(
            tag(
                "li",
                tag("a", tag("span", f"{shapes.number(left)} more: search", class_="muted"), href="#main"),
            )
        )
    inner = tag("li", tag("ul", nodes)) if wanted.host else nodes
    box = (
        tag("ul", up, here, inner, class_="tree")
        if nodes or wanted.host
        else tag("p", "No hosts yet.", class_="muted")
    )
    return tag("div", shapes.panel("Hosts and paths", box), class_="tree-box")


def _list(
    view: View,
    chosen: dict[str, Any],
    wanted: EndpointFilter,
    page: models.Page[models.EndpointSummary],
    total: int,
) -> Markup:
    if not page.items:
        if total:
            nothing = shapes.empty("No endpoint is like that", tag("a", "Show all of them", href=PATH))
        else:
            nothing = shapes.empty(
                "No endpoints yet",
                "They appear by themselves with the first calls, and from OpenAPI documents.",
            )
        return shapes.panel("Endpoints", nothing)
    rows = [
        (
            tag(
                "div",
                shapes.method(row.method),
                tag("a", row.path, href=f"{PATH}/{segment(row.id)}", class_="mono"),
                tag("small", row.host, class_="muted") if not wanted.host else None,
                class_="endpoint",
            ),
            flags(row),
            shapes.number(row.requests),
            shapes.percent(row.error_share) if row.requests else tag("span", "none", class_="muted"),
            view.viewer.ago(row.first_seen),
            view.viewer.ago(row.last_seen),
        )
        for row in page.items
    ]
    heads = (
        _sorted(chosen, wanted, "path", "Endpoint"),
        "",
        _sorted(chosen, wanted, "requests", "Requests, 24 h"),
        _sorted(chosen, wanted, "errors", "Errors"),
        _sorted(chosen, wanted, "first_seen", "First seen"),
        _sorted(chosen, wanted, "last_seen", "Last seen"),
    )
    body = shapes.table(heads, rows, figures=(2, 3), label="endpoints")
    return shapes.panel("Endpoints", body, shapes.pager(PATH, chosen, page.total, page.limit, page.offset))


def _sorted(chosen: dict[str, Any], wanted: EndpointFilter, name: str, label: str) -> Markup:
    on = wanted.sort == name
    return tag(
        "a",
        label + (" ↓" if on else ""),
        href=link(PATH, chosen, sort=name, offset=""),
        class_="on" if on else None,
    )


def flags(row: models.EndpointSummary) -> Markup:
    """What is remarkable about an endpoint."""
    return join(
        shapes.badge("new", "orange", "first seen within 24 hours") if row.new else None,
        shapes.badge("undocumented", "warn", "in no OpenAPI document") if not row.documented else None,
        shapes.badge("no credentials", "bad" if row.sensitive else "muted", "callers show none")
        if row.authenticated is False
        else None,
        shapes.badge("sensitive", "violet", ", ".join(row.sensitive)) if row.sensitive else None,
        [shapes.badge(label, "info") for label in row.labels[:4]],
        [
            shapes.badge(f"{label}?", "muted", "what its traffic suggests; no label that is set")
            for label in row.suggested_labels[:2]
        ],
    )
