"""Events: single requests, filtered by the address."""

from collections.abc import Sequence

from markupsafe import Markup

from starfort.admin import models
from starfort.admin.filters import EventFilter
from starfort.base.actions import ALLOW, STOPPED, decisions, past_of
from starfort.dashboard import shapes
from starfort.dashboard.forms import filled
from starfort.dashboard.frame import PAGE_SIZE, View, show_markup, title_bar
from starfort.dashboard.markup import join, tag
from starfort.dashboard.viewer import link, segment

PATH = "/events"
FIELDS = tuple(name for name in EventFilter.model_fields if name != "range")
ACTIONS = [
    ("", "All"),
    (STOPPED, "Stopped"),
    *((action.word, action.past.capitalize()) for action in decisions() if action.word != ALLOW),
]


async def build(view: View) -> None:
    """Fill the page."""
    chosen = view.chosen(*FIELDS)
    wanted = filled(EventFilter, {**chosen, "range": view.range})
    before = view.query.get("before") or None
    page = await view.insight.events(wanted, PAGE_SIZE, before)
    title_bar(view, "Events")
    show_markup(
        tag(
            "div",
            shapes.chips(PATH, chosen, "action", [(value, label, None) for value, label in ACTIONS]),
            shapes.search(PATH, chosen, "path", "Find in paths"),
            class_="bar-row",
        )
    )
    filters = [(name, value) for name, value in chosen.items() if name not in ("range", "action", "path")]
    if filters:
        show_markup(_filters(chosen, filters))
    if not page.items:
        hint = tag("a", "Look at all events of the last 24 hours", href=PATH)
        show_markup(shapes.panel("", shapes.empty("No request is like that within this time", hint)))
        return
    onward = (
        tag("a", "Older →", href=link(PATH, chosen, before=page.next), class_="button", rel="next")
        if page.next
        else None
    )
    first = tag("a", "← Latest", href=link(PATH, chosen), class_="button") if before else None
    show_markup(
        shapes.panel("Requests", rows_of(view, page.items), tag("nav", first, onward, class_="pager"))
    )


def _filters(chosen: dict[str, str], filters: Sequence[tuple[str, str]]) -> Markup:
    made = [
        tag(
            "a",
            f"{name.replace('_', ' ')}: {value}",
            tag("b", "✕"),
            class_="chip on",
            title="remove this filter",
            href=link(PATH, chosen, **{name: ""}),
        )
        for name, value in filters
    ]
    return tag("div", tag("nav", made, class_="chips", aria_label="filters"), class_="bar-row")


def rows_of(view: View, events: Sequence[models.Event]) -> Markup:
    """Events as a table."""
    if not events:
        return shapes.empty("No requests within this time")
    rows = [
        (
            tag(
                "a",
                view.viewer.brief(event.time),
                href=f"{PATH}/{segment(event.id)}",
                class_="nowrap",
                title=view.viewer.local(event.time),
            ),
            tag(
                "div",
                shapes.method(event.method),
                tag("span", event.path, class_="mono"),
                tag("small", event.host),
                class_="two-lines",
            ),
            shapes.status(event.status),
            tag(
                "div",
                tag("a", event.subject or event.address, href=link(PATH, _who(event))),
                tag("small", event.user_agent or "no user agent"),
                class_="two-lines",
            ),
            join(event.country or "", tag("div", shapes.bot(event.bot)) if event.bot != "none" else None),
            join(shapes.action(event.action), _policy(event)),
            noted(event),
        )
        for event in events
    ]
    heads = ("Time", "Request", "Status", "Client", "From", "Decision", "Noted")
    return shapes.table(heads, rows, label="requests")


def _who(event: models.Event) -> dict[str, str]:
    return {"subject": event.subject} if event.subject else {"address": event.address}


def _policy(event: models.Event) -> Markup | None:
    if not event.policy:
        return None
    return tag("div", tag("a", event.policy, href=f"/policies/{segment(event.policy)}"))


def _done(text: str) -> Markup:
    action, _, policy = text.partition(":")
    return shapes.badge(past_of(action), "teal", f"by policy {policy}")


def noted(event: models.Event) -> Markup:
    """Findings, what else policies did, signals, sensitive classes and what observe mode would have done."""
    return join(
        [shapes.badge(code, "bad", code) for code in event.findings[:3]],
        [_done(text) for text in event.tags[:3]],
        [shapes.badge(code, "orange") for code in event.signals[:3]],
        [shapes.badge(code, "warn") for code in event.anomalies[:3]],
        [shapes.badge(code, "violet") for code in event.sensitive_response[:3]],
        [
            shapes.badge(f"would {text.partition(':')[0]}", "info", f"observed: {text.partition(':')[2]}")
            for text in event.observed[:2]
        ],
    )
