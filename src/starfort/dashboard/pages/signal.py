"""One signal: why it is active, and lifting it."""

from typing import Final

from nicegui import ui

from starfort.admin.audit import record
from starfort.admin.errors import NotFoundError
from starfort.admin.models import Signal
from starfort.admin.roles import Role
from starfort.dashboard.frame import act, actions, grid, show, title_bar
from starfort.dashboard.page import Page
from starfort.dashboard.pages.signals import part
from starfort.dashboard.view import View
from starfort.dashboard.viewer import link

_FILTERS: Final = {
    "address": "address",
    "fingerprint": "fingerprint",
    "ja4": "ja4",
    "campaign": "fingerprint",
}
"""The filter that finds the events of a key, by the key's type."""


async def build(view: View) -> None:
    """Fill the page."""
    wanted = tuple(view.query.get(name, "") for name in ("kind", "key_type", "key"))
    found = [row for row in view.insight.signals() if (row.kind, row.key_type, row.key) == wanted]
    if not found:
        raise NotFoundError("this signal is not active any more")
    signal = found[0]
    title_bar(view, signal.title or signal.kind, crumbs=part("crumbs", signal=signal), ranges=False)
    with actions():
        if view.allowed(Role.OPERATOR):
            act("Lift this signal", lambda: _lift(view, signal))
        if signal.key_type in _FILTERS:
            # The key of a campaign is fingerprint|ja4|asn, and its members share all three.
            address = link("/events", {_FILTERS[signal.key_type]: signal.key.partition("|")[0]})
            show(part("events", key_type=signal.key_type, address=address))
    with grid("two-one"):
        show(part("why", signal=signal))
        show(part("about", signal=signal, viewer=view.viewer))


async def _lift(view: View, signal: Signal) -> None:
    who = view.actor(Role.OPERATOR)
    view.insight.clear_signal(signal.kind, signal.key_type, signal.key)
    with view.desk.database.begin() as session:
        record(session, who, "signal.clear", f"{signal.kind} {signal.key_type} {signal.key}")
    ui.navigate.to("/signals")


PAGE = Page("/signals/one", "Signal", build)
