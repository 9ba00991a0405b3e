"""Alerts: what happened, most recent first."""

from markupsafe import Markup
from nicegui import ui

from starfort.admin import models
from starfort.admin.roles import Role
from starfort.base.severity import SEVERITIES
from starfort.dashboard import shapes
from starfort.dashboard.frame import PAGE_SIZE, View, act, show_markup, title_bar
from starfort.dashboard.markup import join, tag
from starfort.dashboard.viewer import link, segment

PATH = "/alerts"


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen("severity", "kind", "open")
    chosen.pop("range", None)
    open_only = chosen.get("open") == "1"
    page = await view.insight.alerts(
        kind=chosen.get("kind", ""),
        severity=chosen.get("severity", ""),
        open_only=open_only,
        limit=PAGE_SIZE,
        offset=view.offset,
    )
    title_bar(view, "Alerts", ranges=False)
    counts = view.insight.alerts_open()
    show_markup(
        tag(
            "div",
            shapes.chips(PATH, chosen, "open", [("1", "Open", sum(counts.values())), ("", "All", None)]),
            shapes.chips(
                PATH,
                chosen,
                "severity",
                [
                    ("", "Any severity", None),
                    *((name, name, counts.get(name, 0)) for name in reversed(SEVERITIES)),
                ],
            ),
            class_="bar-row",
        )
    )
    if chosen.get("kind"):
        shown = tag(
            "a", f"kind: {chosen['kind']}", tag("b", "✕"), class_="chip on", href=link(PATH, chosen, kind="")
        )
        show_markup(tag("div", tag("nav", shown, class_="chips"), class_="bar-row"))
    if not page.items:
        hint = "Detectors and the catalogue raise them; channels are set under alerts in starfort.yaml."
        show_markup(shapes.panel("", shapes.empty("No alerts like that", hint)))
        return
    table = shapes.table(
        ("Severity", "What", "Times", "First", "Last", "State"),
        [_row(view, alert) for alert in page.items],
        figures=(2,),
        label="alerts",
    )
    back = tag(
        "a", "← Back", href=link(PATH, chosen, offset=max(0, view.offset - PAGE_SIZE)), class_="button"
    )
    onward = tag("a", "On →", href=link(PATH, chosen, offset=page.next_offset), class_="button")
    turn = tag("nav", back if view.offset else None, onward if page.next_offset else None, class_="pager")
    show_markup(shapes.panel("Alerts", table, turn))
    _mutes(view)


def _row(view: View, alert: models.Alert) -> tuple[object, ...]:
    return (
        shapes.severity(alert.severity),
        tag(
            "div",
            tag("a", alert.title, href=f"{PATH}/{segment(alert.id)}"),
            tag("small", alert.kind.replace("_", " "), " · ", alert.subject),
            class_="two-lines",
        ),
        shapes.number(alert.count),
        view.viewer.ago(alert.first_at),
        view.viewer.ago(alert.last_at),
        state(alert),
    )


def state(alert: models.Alert) -> Markup:
    """Whether somebody has seen an alert."""
    return join(
        shapes.badge(f"seen by {alert.acknowledged_by}", "ok")
        if alert.acknowledged_by
        else shapes.badge("open", "warn"),
        shapes.badge("ended", "muted") if alert.ended_at else None,
        shapes.badge("muted", "muted", "asks for nobody's attention") if alert.muted else None,
    )


def _mutes(view: View) -> None:
    mutes = view.desk.mutes.list()
    if not mutes:
        return
    rows = [
        (
            mute.kind,
            mute.key,
            mute.reason or tag("span", "no reason given", class_="muted"),
            mute.user,
            view.viewer.exact(mute.until),
        )
        for mute in mutes
    ]
    heads = ("Kind", "Subject", "Why", "By", "Until")
    show_markup(tag("div", shapes.panel("Muted", shapes.table(heads, rows, label="mutes")), class_="grid"))
    if not view.allowed(Role.OPERATOR):
        return

    async def end_all() -> None:
        who = view.actor(Role.OPERATOR)
        for mute in mutes:
            view.desk.mutes.remove(mute.id, who)
        ui.navigate.reload()

    act("End all mutes", end_all)
