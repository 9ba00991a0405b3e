"""Clients: who calls, put together by what they share."""

from markupsafe import Markup

from starfort.admin import models
from starfort.admin.filters import ClientFilter
from starfort.dashboard import shapes
from starfort.dashboard.forms import filled
from starfort.dashboard.frame import PAGE_SIZE, View, show_markup, title_bar
from starfort.dashboard.markup import tag
from starfort.dashboard.viewer import link

PATH = "/clients"
BY = [
    ("address", "Address"),
    ("fingerprint", "Fingerprint"),
    ("ja4", "TLS (JA4)"),
    ("subject", "Subject"),
    ("network", "Network"),
    ("bot", "Bot class"),
]
NOTHING = {
    "subject": "Subjects are verified identities: configure JWT providers, API keys or mTLS under identity.",
    "ja4": "TLS fingerprints need a listener with TLS.",
    "network": "Networks need an ASN database: geo.asn in starfort.yaml.",
}


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen("by", "search", "bot", "sort")
    wanted = filled(ClientFilter, {**chosen, "range": view.range})
    page = await view.insight.clients(wanted, PAGE_SIZE, view.offset)
    title_bar(view, "Clients")
    choices = [(value, label, None) for value, label in BY]
    show_markup(
        tag(
            "div",
            shapes.chips(PATH, {**chosen, "by": wanted.by}, "by", choices),
            shapes.search(PATH, chosen, "search", "Find by key, user agent or owner"),
            class_="bar-row",
        )
    )
    if not page.items:
        hint = NOTHING.get(wanted.by, "Nobody called within this time.")
        show_markup(shapes.panel("", shapes.empty("No clients to show", hint)))
        return
    table = _table(view, chosen, wanted, page)
    show_markup(
        shapes.panel("Callers", table, shapes.pager(PATH, chosen, page.total, page.limit, page.offset))
    )


def _table(
    view: View, chosen: dict[str, str], wanted: ClientFilter, page: models.Page[models.Client]
) -> Markup:
    most = max(row.requests for row in page.items)
    rows = [
        (
            tag(
                "div",
                tag(
                    "a",
                    row.key,
                    href=link("/events", _events(wanted.by, row), range=view.range),
                    class_="mono",
                ),
                tag("small", row.label, title=row.label) if row.label else None,
                class_="two-lines agent",
            ),
            row.country or tag("span", "several" if row.addresses > 1 else "", class_="muted"),
            shapes.bot(row.bot),
            shapes.bar(row.requests / most, shapes.number(row.requests)),
            shapes.number(row.stopped)
            if not row.stopped
            else tag(
                "a",
                shapes.number(row.stopped),
                href=link("/events", _events(wanted.by, row), action="stopped"),
            ),
            shapes.percent(row.errors / row.requests),
            shapes.number(row.addresses),
            shapes.number(row.endpoints),
            [shapes.badge(name, "orange") for name in row.signals[:3]],
            view.viewer.ago(row.last_seen),
        )
        for row in page.items
    ]

    def head(name: str, label: str) -> Markup:
        on = wanted.sort == name
        target = link(PATH, chosen, sort=name, offset="")
        return tag("a", label + (" ↓" if on else ""), href=target, class_="on" if on else None)

    label = dict(BY)[wanted.by]
    heads = (
        label,
        "Country",
        "Bot",
        head("requests", "Requests"),
        head("stopped", "Stopped"),
        head("errors", "Errors"),
        "Addresses",
        head("endpoints", "Endpoints"),
        "Signals",
        head("last_seen", "Last seen"),
    )
    return shapes.table(heads, rows, figures=(3, 4, 5, 6, 7), label="callers")


def _events(by: str, row: models.Client) -> dict[str, str]:
    if by == "network":
        return {"asn": row.key.removeprefix("AS")}
    if by == "bot":
        return {"bot": row.bot}
    return {by: row.key}
