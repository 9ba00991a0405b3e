"""Clients: who calls, put together by what callers share."""

from typing import Final

from starfort.admin import models
from starfort.admin.filters import ClientFilter
from starfort.dashboard.forms import filled
from starfort.dashboard.frame import show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import PAGE_SIZE, View

PATH: Final = "/clients"
BY: Final = {
    "address": "Address",
    "fingerprint": "Fingerprint",
    "ja4": "TLS (JA4)",
    "subject": "Subject",
    "network": "Network",
    "bot": "Bot class",
}
"""What callers are put together by, with its name on the page."""

NOTHING: Final = {
    "subject": "Subjects are verified identities: configure JWT providers, API keys or mTLS under identity.",
    "ja4": "TLS fingerprints need a listener with TLS.",
    "network": "Networks need an ASN database: geo.asn in starfort.yaml.",
}
"""What must be configured before there is anything to show."""

part = Template("clients.html")


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen_with_range("by", "search", "bot", "sort")
    wanted = filled(ClientFilter, {**chosen, "range": view.range})
    page = await view.insight.clients(wanted, PAGE_SIZE, view.offset)
    title_bar(view, "Clients")
    choices = [(value, label, None) for value, label in BY.items()]
    show(part("filters", path=PATH, chosen=chosen, by={**chosen, "by": wanted.by}, choices=choices))
    if not page.items:
        show(part("nothing", hint=NOTHING.get(wanted.by, "Nobody called within this time.")))
        return
    show(
        part(
            "table",
            rows=[(client, _events(wanted.by, client)) for client in page.items],
            viewer=view.viewer,
            path=PATH,
            chosen=chosen,
            sort=wanted.sort,
            label=BY[wanted.by],
            range=view.range,
            page=page,
        )
    )


def _events(by: str, client: models.Client) -> dict[str, str]:
    """The filter that finds a client's events."""
    # The key reads "AS64496", and the filter takes the number.
    if by == "network":
        return {"asn": client.key.removeprefix("AS")}
    if by == "bot":
        return {"bot": client.bot}
    return {by: client.key}


PAGE = Page(PATH, "Clients", build, menu=Menu(60, "M12 11a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-8 10a8 8 0 0 1 16 0"))
