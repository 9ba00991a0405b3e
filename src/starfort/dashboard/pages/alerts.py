"""Alerts: what happened, most recent first."""

from typing import Final

from nicegui import ui

from starfort.admin.roles import Role
from starfort.base.severity import SEVERITIES
from starfort.dashboard.frame import act, show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import PAGE_SIZE, View

PATH: Final = "/alerts"

part = Template("alerts.html")


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen("severity", "kind", "open")
    page = await view.insight.alerts(
        kind=chosen.get("kind", ""),
        severity=chosen.get("severity", ""),
        open_only=chosen.get("open") == "1",
        limit=PAGE_SIZE,
        offset=view.offset,
    )
    counts = view.insight.alerts_open()
    severities = [
        ("", "Any severity", None),
        *((name, name, counts.get(name, 0)) for name in reversed(SEVERITIES)),
    ]
    title_bar(view, "Alerts", ranges=False)
    show(part("filters", path=PATH, chosen=chosen, opened=sum(counts.values()), severities=severities))
    if not page.items:
        show(part("nothing"))
        return
    show(
        part(
            "table",
            page=page,
            viewer=view.viewer,
            path=PATH,
            chosen=chosen,
            offset=view.offset,
            limit=PAGE_SIZE,
        )
    )
    _mutes(view)


def _mutes(view: View) -> None:
    mutes = view.desk.mutes.list()
    if not mutes:
        return
    show(part("mutes", mutes=mutes, viewer=view.viewer))
    if not view.allowed(Role.OPERATOR):
        return

    async def end_all() -> None:
        # Those that the page shows: a mute that somebody made since is not ended unseen.
        who = view.actor(Role.OPERATOR)
        for mute in mutes:
            view.desk.mutes.remove(mute.id, who)
        ui.navigate.reload()

    act("End all mutes", end_all)


PAGE = Page(PATH, "Alerts", build, menu=Menu(20, "M12 3 2 20h20L12 3Zm0 6v5m0 3v.5", counts_alerts=True))
