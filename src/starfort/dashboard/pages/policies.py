"""Policies: the order in which they are evaluated, what they did, and what they would have done."""

from starfort.base.actions import past_of
from starfort.dashboard.frame import show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import View

part = Template("policies.html")


async def build(view: View) -> None:
    """Fill the page."""
    policies = await view.insight.policies()
    title_bar(view, "Policies", ranges=False)
    if not policies:
        show(part("nothing"))
        return
    waiting = [
        (policy, past_of(policy.action))
        for policy in policies
        if policy.mode == "observe" and policy.observed
    ]
    if waiting:
        show(part("waiting", policies=waiting))
    show(part("table", policies=policies, viewer=view.viewer))


PAGE = Page(
    "/policies",
    "Policies",
    build,
    menu=Menu(70, "M12 3l8 3v6c0 5-3.5 8-8 9-4.500-1-8-4-8-9V6l8-3Zm-3 9 2 2 4-5"),
)
