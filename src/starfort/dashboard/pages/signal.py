"""One signal: why it is active, and lifting it."""

from nicegui import ui

from starfort.admin.audit import record
from starfort.admin.errors import NotFoundError
from starfort.admin.models import Signal
from starfort.admin.roles import Role
from starfort.dashboard import shapes
from starfort.dashboard.frame import View, act, grid, show_markup, title_bar
from starfort.dashboard.markup import join, tag
from starfort.dashboard.pages.alert import evidence
from starfort.dashboard.viewer import link

_EVENTS = {"address": "address", "fingerprint": "fingerprint", "ja4": "ja4", "campaign": "fingerprint"}


async def build(view: View) -> None:
    """Fill the page."""
    wanted = tuple(view.query.get(name, "") for name in ("kind", "key_type", "key"))
    found = [row for row in view.insight.signals() if (row.kind, row.key_type, row.key) == wanted]
    if not found:
        raise NotFoundError("this signal is not active any more")
    signal = found[0]
    crumbs = join(tag("a", "Signals", href="/signals"), " ", shapes.severity(signal.severity))
    title_bar(view, signal.title or signal.kind, crumbs=crumbs, ranges=False)
    with ui.element("div").classes("actions"):
        if view.allowed(Role.OPERATOR):
            act("Lift this signal", lambda: _lift(view, signal))
        if signal.key_type in _EVENTS:
            # A campaign's key is fingerprint|ja4|asn: its members share all three.
            target = link("/events", {_EVENTS[signal.key_type]: signal.key.partition("|")[0]})
            show_markup(tag("a", f"Events of this {signal.key_type}", href=target, class_="button"))
    with grid("two-one"):
        show_markup(
            shapes.panel("Evidence", evidence(signal.evidence), note="rows of the detector's own query")
        )
        show_markup(
            shapes.panel(
                "About",
                shapes.facts(
                    [
                        ("Kind", signal.kind),
                        ("Of a", signal.key_type),
                        ("Key", tag("span", signal.key, class_="mono")),
                        ("Score", f"{signal.score:.2f}, at most {signal.peak_score:.2f}"),
                        ("Detector", signal.detector),
                        ("Since", view.viewer.exact(signal.first_at)),
                        ("Raised last", view.viewer.exact(signal.last_at)),
                        ("Raised", shapes.plural(signal.raised, "time")),
                        ("Lapses in", view.viewer.until(signal.expires_at)),
                    ]
                ),
            )
        )


async def _lift(view: View, signal: Signal) -> None:
    who = view.actor(Role.OPERATOR)
    view.insight.clear_signal(signal.kind, signal.key_type, signal.key)
    with view.desk.database.begin() as session:
        record(session, who, "signal.clear", f"{signal.kind} {signal.key_type} {signal.key}")
    ui.navigate.to("/signals")
