"""One alert: the evidence, and what people did about it."""

from datetime import timedelta
from typing import Any

from markupsafe import Markup
from nicegui import ui

from starfort.admin.audit import record
from starfort.admin.models import Alert
from starfort.admin.roles import Role
from starfort.dashboard import shapes
from starfort.dashboard.frame import View, act, grid, show_markup, title_bar
from starfort.dashboard.markup import join, tag
from starfort.dashboard.pages.alerts import state
from starfort.dashboard.viewer import link, segment

MAX_ROWS = 50
MAX_COLUMNS = 12
DETECTOR_NOTE = "rows of the detector's own query"


async def build(view: View) -> None:
    """Fill the page."""
    alert = await view.insight.alert(view.path.rpartition("/")[2])
    detected = alert.kind in view.insight.signal_kinds()
    crumbs = join(tag("a", "Alerts", href="/alerts"), " ", shapes.severity(alert.severity), state(alert))
    title_bar(view, alert.title, crumbs=crumbs, ranges=False)
    if view.allowed(Role.OPERATOR):
        _actions(view, alert)
    with grid("two-one"):
        show_markup(
            shapes.panel("Evidence", evidence(alert.evidence), note=DETECTOR_NOTE if detected else None)
        )
        show_markup(
            shapes.panel(
                "About",
                shapes.facts(
                    [
                        ("Kind", tag("a", alert.kind, href=link("/alerts", kind=alert.kind))),
                        ("Subject", tag("span", alert.subject, class_="mono")),
                        ("First seen", view.viewer.exact(alert.first_at)),
                        ("Last seen", view.viewer.exact(alert.last_at)),
                        *_course(view, alert),
                        ("Times", shapes.number(alert.count)),
                        ("Seen by", alert.acknowledged_by or tag("span", "nobody", class_="muted")),
                        ("Seen", view.viewer.exact(alert.acknowledged_at)),
                        ("Id", tag("span", alert.id, class_="mono")),
                    ]
                ),
            )
        )
    show_markup(tag("div", _onward(alert, detected=detected), class_="actions grid"))


def _course(view: View, alert: Alert) -> list[tuple[str, object]]:
    """How large it became and whether it goes on; nothing for what has no course."""
    rows: list[tuple[str, object]] = []
    if alert.score is not None:
        rows.append(("Highest score", f"{alert.score:.2f}"))
        rows.append(("Keys", shapes.number(alert.members)))
        rows.append(("Ended", view.viewer.exact(alert.ended_at) if alert.ended_at else "goes on"))
    return rows


def _onward(alert: Alert, *, detected: bool) -> list[Markup]:
    """Where to look next."""
    if detected:
        events = link("/events", signal=alert.kind)
        return [
            tag("a", "Events with this signal", href=events, class_="button"),
            tag("a", "Signals active now", href=link("/signals", kind=alert.kind), class_="button"),
        ]
    found = tag("a", "New endpoints", href="/catalogue?show=new", class_="button")
    return [found, tag("a", "Findings", href="/findings", class_="button")]


def evidence(rows: list[dict[str, Any]]) -> Markup:
    """Rows of evidence as a table, or one row as names and values."""
    if not rows:
        return shapes.empty("No evidence was kept with it")
    if len(rows) == 1:
        return shapes.facts(
            [(str(name).replace("_", " "), _value(name, value)) for name, value in rows[0].items()]
        )
    names = list(dict.fromkeys(name for row in rows for name in row))[:MAX_COLUMNS]
    body = [[_value(name, row.get(name, "")) for name in names] for row in rows[:MAX_ROWS]]
    return shapes.table([name.replace("_", " ") for name in names], body, label="evidence")


def _value(name: str, value: object) -> Markup:
    if value in ("", None, [], ()):
        return tag("span", "none", class_="muted")
    if name == "matches" and isinstance(value, list | tuple):
        return tag("ul", (tag("li", str(part)[:500], class_="mono") for part in value), class_="evidence")
    if isinstance(value, list | tuple):
        text = ", ".join(str(part) for part in value)
    else:
        text = shapes.number(value) if isinstance(value, int) and not isinstance(value, bool) else str(value)
    if name == "endpoint_id":
        return tag("a", text, class_="mono", href=f"/catalogue/{segment(text)}")
    return tag("span", text[:500], class_="mono")


def _actions(view: View, alert: Alert) -> None:
    async def acknowledge() -> None:
        who = view.actor(Role.OPERATOR)
        await view.insight.acknowledge(alert.id, who.name)
        with view.desk.database.begin() as session:
            record(session, who, "alert.acknowledge", alert.id, alert.title)
        ui.navigate.to(f"/alerts/{segment(alert.id)}")

    async def mute(duration: timedelta) -> None:
        view.desk.mutes.add(
            alert.kind, alert.subject, duration, "from the alert's page", view.actor(Role.OPERATOR)
        )
        ui.navigate.to(f"/alerts/{segment(alert.id)}")

    async def mute_hour() -> None:
        await mute(timedelta(hours=1))

    async def mute_week() -> None:
        await mute(timedelta(days=7))

    with ui.element("div").classes("actions"):
        if not alert.acknowledged_by:
            act("Acknowledge", acknowledge, main=True)
        if not alert.muted:
            act("Mute this subject for 1 hour", mute_hour)
            act("Mute for 7 days", mute_week)
