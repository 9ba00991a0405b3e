"""One policy: what it did, what enforcing it would do, and to whom."""

from urllib.parse import unquote

from markupsafe import Markup
from nicegui import ui

from starfort.admin import models
from starfort.admin.filters import EventFilter
from starfort.dashboard import charts, shapes
from starfort.dashboard.frame import View, chart_panel, grid, show_markup, title_bar
from starfort.dashboard.markup import join, tag
from starfort.dashboard.pages.events import rows_of
from starfort.dashboard.pages.policies import mode, verb
from starfort.dashboard.viewer import link

EVENTS = 15


async def build(view: View) -> None:
    """Fill the page."""
    name = unquote(view.path.removeprefix("/policies/"))
    policy = await view.insight.policy(name, view.range)
    events = await view.insight.events(EventFilter(range=view.range, policy=name), EVENTS)
    crumbs = join(tag("a", "Policies", href="/policies"), " ", mode(policy), shapes.action(policy.action))
    title_bar(view, policy.name, crumbs=crumbs)
    show_markup(_verdict(policy))
    with grid("two-one"):
        with chart_panel("Hits", "requests on which it acted or would have"):
            ui.echart(charts.policy(policy.points, _step(policy), view.viewer))
        show_markup(_about(view, policy))
    with grid(""):
        more = tag("a", "all of them", href=link("/events", policy=policy.name, range=view.range))
        show_markup(shapes.panel("Sample events", rows_of(view, events.items), note=more))


def _step(policy: models.PolicyDetail) -> int:
    points = policy.points
    return int((points[1].time - points[0].time).total_seconds()) if len(points) > 1 else 60


def _verdict(policy: models.PolicyDetail) -> Markup:
    acted = sum(point.enforced for point in policy.points)
    observed = sum(point.observed for point in policy.points)
    addresses = shapes.plural(policy.addresses, "address", "addresses")
    reach = f"from {addresses}, {shapes.plural(policy.subjects, 'verified subject')}"
    if policy.mode == "observe":
        if not observed:
            text = "It matched nothing within this time, so enforcing it would have changed nothing."
            return tag("div", tag("strong", "Observing"), tag("p", text), class_="banner info")
        share = policy.succeeded / observed
        hint = (
            f"The API answered {shapes.number(policy.succeeded)} of them ({shapes.percent(share)}) with "
            "success: look at who they are before enforcing."
        )
        title = f"Would have {verb(policy)} {shapes.plural(observed, 'request')} {reach}"
        return tag("div", tag("strong", title), tag("p", hint), class_="banner warn")
    if not acted:
        nothing = tag("p", "It matched nothing within this time.")
        return tag("div", tag("strong", "Enforced"), nothing, class_="banner info")
    title = f"{verb(policy).capitalize()} {shapes.plural(acted, 'request')} {reach}"
    return tag("div", tag("strong", title), class_="banner ok")


def _about(view: View, policy: models.PolicyDetail) -> Markup:
    facts = shapes.facts(
        [
            ("Place", f"{policy.order + 1} in the list"),
            ("APIs", ", ".join(policy.apis) or "all"),
            ("Endpoints", ", ".join(policy.endpoints) or "all"),
            ("Last hit", view.viewer.ago(policy.last_at)),
        ]
    )
    return tag(
        "div",
        shapes.panel("Rule", tag("code", policy.when, class_="when mono"), tag("br"), facts),
        shapes.panel("Endpoints most hit", shapes.counted(policy.hit_endpoints, "None within this time.", 6)),
        class_="stack",
    )
