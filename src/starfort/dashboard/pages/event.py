"""One event: everything that is kept of a request."""

from collections.abc import Sequence
from urllib.parse import unquote

from markupsafe import Markup

from starfort.admin import models
from starfort.dashboard import shapes
from starfort.dashboard.frame import View, grid, show_markup, title_bar
from starfort.dashboard.markup import Content, join, tag
from starfort.dashboard.viewer import link, segment


async def build(view: View) -> None:
    """Fill the page."""
    event = await view.insight.event(unquote(view.path.rpartition("/")[2]))
    title_bar(
        view,
        join(shapes.method(event.method), event.path),
        ranges=False,
        title_class="mono",
        crumbs=join(tag("a", "Events", href="/events"), " / ", view.viewer.local(event.time)),
    )
    endpoint: Content = "none in the catalogue"
    if event.endpoint_id:
        endpoint = tag("a", event.template, href=f"/catalogue/{segment(event.endpoint_id)}", class_="mono")
    policy: Content = "none"
    if event.policy:
        policy = tag("a", event.policy, href=f"/policies/{segment(event.policy)}")
    with grid("two"):
        show_markup(
            shapes.panel(
                "Decision",
                shapes.facts(
                    [
                        ("Done", shapes.action(event.action)),
                        ("Policy", policy),
                        ("Status", shapes.status(event.status)),
                        ("Answered by", event.upstream or "Starfort"),
                        ("Also done", _list(event.tags)),
                        ("Would have done", _list(event.observed)),
                        ("Findings", _list(event.findings)),
                        ("Anomalies", _list(event.anomalies)),
                        ("Signals", _list(event.signals)),
                    ]
                ),
            )
        )
        show_markup(
            shapes.panel(
                "Client",
                shapes.facts(
                    [
                        ("Address", tag("a", event.address, href=link("/events", address=event.address))),
                        ("Country", event.country or "unknown"),
                        ("Network", f"AS{event.asn} {event.as_organization}" if event.asn else "unknown"),
                        ("User agent", event.user_agent or "none"),
                        ("Bot", join(shapes.bot(event.bot), " ", event.bot_name)),
                        (
                            "Fingerprint",
                            tag(
                                "a",
                                event.fingerprint,
                                class_="mono",
                                href=link("/events", fingerprint=event.fingerprint),
                            ),
                        ),
                        ("JA4", tag("span", event.ja4 or "no TLS", class_="mono")),
                        (
                            "Identity",
                            f"{event.identity_kind}{', verified' if event.identity_verified else ''}",
                        ),
                        ("Subject", event.subject or "none"),
                        ("Refused because", event.identity_error or "nothing refused"),
                        ("Credentials seen", _list(event.auth_seen)),
                    ]
                ),
            )
        )
    if event.evidence:
        with grid(""):
            show_markup(_matched(event.evidence))
    with grid("two"):
        show_markup(
            shapes.panel(
                "Request",
                shapes.facts(
                    [
                        ("Endpoint", endpoint),
                        ("API", event.api or "none"),
                        ("Host", event.host),
                        ("Protocol", event.protocol),
                        ("Body", f"{shapes.number(event.request_bytes)} bytes {event.content_type}"),
                        ("Parameters", _list(event.parameters)),
                        ("Sensitive", _list(event.sensitive_request)),
                        ("Id", tag("span", event.id, class_="mono")),
                        ("Node", event.node),
                    ]
                ),
                note="no values are kept",
            )
        )
        show_markup(
            shapes.panel(
                "Response",
                shapes.facts(
                    [
                        (
                            "Body",
                            f"{shapes.number(event.response_bytes)} bytes {event.response_content_type}",
                        ),
                        ("Sensitive", _list(event.sensitive_response)),
                        ("Took", f"{event.duration_us / 1000:,.1f} ms"),
                        ("Of that Starfort", f"{shapes.number(event.engine_us)} µs"),
                    ]
                ),
            )
        )


def _matched(matches: Sequence[models.RuleMatch]) -> Markup:
    """The rules that matched, with what they matched masked."""
    rows = [
        (
            tag("a", str(match.rule), class_="mono", href=link("/events", finding=f"rule:{match.rule}")),
            tag("span", "content", class_="muted", title="what people write; it counts for nothing")
            if match.weighed
            else shapes.rule_severity(match.severity),
            tag("div", match.message or tag("span", "says nothing", class_="muted"), class_="two-lines"),
            tag("span", match.variable, class_="mono"),
            tag("div", match.value, class_="mono two-lines"),
        )
        for match in matches
    ]
    heads = ("Rule", "Severity", "What it says", "Variable", "Value, masked")
    table = shapes.table(heads, rows, label="matched rules")
    return shapes.panel("Matched rules", table, note="a letters, 9 digits, x both, each with how many")


def _list(values: Sequence[str]) -> Content:
    if not values:
        return tag("span", "none", class_="muted")
    return tag("span", ", ".join(values), class_="mono")
