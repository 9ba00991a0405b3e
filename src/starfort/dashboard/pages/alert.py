"""One alert: the evidence, and what people did about it."""

from datetime import timedelta

from nicegui import ui

from starfort.admin.audit import record
from starfort.admin.models import Alert
from starfort.admin.roles import Role
from starfort.dashboard.frame import act, actions, grid, show, title_bar
from starfort.dashboard.page import Page
from starfort.dashboard.pages.alerts import part
from starfort.dashboard.view import View
from starfort.dashboard.viewer import segment


async def build(view: View) -> None:
    """Fill the page."""
    alert = await view.insight.alert(view.path.rpartition("/")[2])
    # The catalogue raises alerts too, and their evidence is no query of a detector.
    detected = alert.kind in view.insight.signal_kinds()
    title_bar(view, alert.title, crumbs=part("crumbs", alert=alert), ranges=False)
    if view.allowed(Role.OPERATOR):
        _actions(view, alert)
    with grid("two-one"):
        show(part("why", alert=alert, detected=detected))
        show(part("about", alert=alert, viewer=view.viewer))
    show(part("onward", alert=alert, detected=detected))


def _actions(view: View, alert: Alert) -> None:
    async def acknowledge() -> None:
        # First the right, then the change, then its entry in the audit log.
        who = view.actor(Role.OPERATOR)
        await view.insight.acknowledge(alert.id, who.name)
        with view.desk.database.begin() as session:
            record(session, who, "alert.acknowledge", alert.id, alert.title)
        ui.navigate.to(f"/alerts/{segment(alert.id)}")

    async def mute(duration: timedelta) -> None:
        who = view.actor(Role.OPERATOR)
        view.desk.mutes.add(alert.kind, alert.subject, duration, "from the alert's page", who)
        ui.navigate.to(f"/alerts/{segment(alert.id)}")

    with actions():
        if not alert.acknowledged_by:
            act("Acknowledge", acknowledge, main=True)
        if not alert.muted:
            act("Mute this subject for 1 hour", lambda: mute(timedelta(hours=1)))
            act("Mute for 7 days", lambda: mute(timedelta(days=7)))


PAGE = Page("/alerts/{alert_id}", "Alert", build)
