"""Policies: the order in which they are asked, what they did, and what they would have done."""

from markupsafe import Markup

from starfort.admin import models
from starfort.base.actions import past_of
from starfort.dashboard import shapes
from starfort.dashboard.frame import View, show_markup, title_bar
from starfort.dashboard.markup import join, tag
from starfort.dashboard.viewer import segment


async def build(view: View) -> None:
    """Fill the page."""
    policies = await view.insight.policies()
    title_bar(view, "Policies", ranges=False)
    if not policies:
        hint = (
            "Add policies to starfort.yaml. They begin in observe mode: nothing is stopped until you say so."
        )
        show_markup(shapes.panel("", shapes.empty("No policies yet", hint)))
        return
    waiting = [policy for policy in policies if policy.mode == "observe" and policy.observed]
    if waiting:
        show_markup(_waiting(waiting))
    rows = [_row(view, policy) for policy in policies]
    heads = ("#", "Policy", "Mode", "Does", "Acted, 24 h", "Observed, 24 h", "Last hit")
    note = "asked in this order; the first that ends a request decides"
    show_markup(
        shapes.panel("In order", shapes.table(heads, rows, figures=(4, 5), label="policies"), note=note)
    )


def verb(policy: models.Policy) -> str:
    """What a policy does, in the past."""
    return past_of(policy.action)


def address(policy: models.Policy) -> str:
    """Of a policy's page."""
    return f"/policies/{segment(policy.name)}"


def _waiting(policies: list[models.Policy]) -> Markup:
    lines = [
        tag(
            "p",
            tag("a", policy.name, href=address(policy)),
            " would have ",
            verb(policy),
            " ",
            tag("b", shapes.plural(policy.observed, "request")),
            " in 24 hours",
        )
        for policy in policies
    ]
    return tag("div", tag("strong", "Waiting for your decision"), lines, class_="banner warn")


def _row(view: View, policy: models.Policy) -> tuple[object, ...]:
    scope = ", ".join([*policy.apis, *policy.endpoints]) or "every API"
    return (
        tag("span", policy.order + 1, class_="muted"),
        tag(
            "div",
            tag("a", policy.name, href=address(policy)),
            tag("div", policy.when, class_="mono muted"),
            tag("small", scope),
            class_="two-lines",
        ),
        mode(policy),
        shapes.action(policy.action),
        shapes.number(policy.enforced),
        join(shapes.number(policy.observed)),
        view.viewer.ago(policy.last_at),
    )


def mode(policy: models.Policy) -> Markup:
    """Whether a policy acts."""
    if policy.mode == "enforce":
        return shapes.badge("enforce", "ok", "acts on requests")
    return shapes.badge("observe", "info", "only records what it would do")
