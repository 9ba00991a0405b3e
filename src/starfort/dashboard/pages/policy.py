"""One policy: what it did, what enforcing it would do, and to whom."""

from typing import Final
from urllib.parse import unquote

from markupsafe import Markup
from nicegui import ui

from starfort.admin import models
from starfort.admin.filters import EventFilter
from starfort.base.actions import past_of
from starfort.dashboard import charts
from starfort.dashboard.figures import number, percent, plural
from starfort.dashboard.frame import chart_panel, grid, show, title_bar
from starfort.dashboard.page import Page
from starfort.dashboard.pages.policies import part
from starfort.dashboard.view import View

EVENTS: Final = 15
"""Sample events that the page shows."""


async def build(view: View) -> None:
    """Fill the page."""
    name = unquote(view.path.removeprefix("/policies/"))
    policy = await view.insight.policy(name, view.range)
    events = await view.insight.events(EventFilter(range=view.range, policy=name), EVENTS)
    title_bar(view, policy.name, crumbs=part("crumbs", policy=policy))
    show(_verdict(policy))
    with grid("two-one"):
        with chart_panel("Hits", "requests on which it acted or would have"):
            ui.echart(charts.policy(policy.points, _step(policy), view.viewer))
        show(part("about", policy=policy, viewer=view.viewer))
    with grid(""):
        show(part("samples", policy=policy, found=events.items, viewer=view.viewer, range=view.range))


def _step(policy: models.PolicyDetail) -> int:
    points = policy.points
    # The points have equal distances; with a single one the label shows minutes.
    return int((points[1].time - points[0].time).total_seconds()) if len(points) > 1 else 60


def _verdict(policy: models.PolicyDetail) -> Markup:
    """What the policy did, or what enforcing it would have done: the sentence that a decision needs."""
    acted = sum(point.enforced for point in policy.points)
    observed = sum(point.observed for point in policy.points)
    addresses = plural(policy.addresses, "address", "addresses")
    reach = f"from {addresses}, {plural(policy.subjects, 'verified subject')}"
    done = past_of(policy.action)
    if policy.mode == "observe" and not observed:
        text = "It matched nothing within this time, so enforcing it would have changed nothing."
        return part("verdict", title="Observing", colour="info", text=text)
    if policy.mode == "observe":
        share = percent(policy.succeeded / observed)
        text = (
            f"The API answered {number(policy.succeeded)} of them ({share}) with success: find out who sent"
            " them before you enforce this policy."
        )
        title = f"Would have {done} {plural(observed, 'request')} {reach}"
        return part("verdict", title=title, colour="warn", text=text)
    if not acted:
        text = "It matched nothing within this time."
        return part("verdict", title="Enforced", colour="info", text=text)
    title = f"{done.capitalize()} {plural(acted, 'request')} {reach}"
    return part("verdict", title=title, colour="ok", text="")


PAGE = Page("/policies/{name}", "Policy", build)
