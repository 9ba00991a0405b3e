"""One endpoint: how it is called, by whom, with what, and what it gives away."""

from typing import Any

from markupsafe import Markup
from nicegui import ui

from starfort.admin import models
from starfort.admin.filters import EventFilter
from starfort.dashboard import charts, shapes
from starfort.dashboard.frame import View, chart_panel, grid, show_markup, title_bar
from starfort.dashboard.markup import join, tag
from starfort.dashboard.pages.catalogue import PATH, flags
from starfort.dashboard.pages.events import rows_of
from starfort.dashboard.pages.findings import posture_table
from starfort.dashboard.viewer import link

EVENTS = 12
MAX_FINDINGS = 20


async def build(view: View) -> None:
    """Fill the page."""
    insight = view.insight
    found = await insight.endpoints.detail(view.path.rpartition("/")[2], view.range)
    traffic = await insight.traffic(view.range, endpoint_id=found.id)
    events = await insight.events(EventFilter(range=view.range, endpoint_id=found.id), EVENTS)
    posture = insight.posture("", "", MAX_FINDINGS, 0, endpoint_id=found.id)
    crumbs = join(
        tag("a", "Catalogue", href=PATH),
        " / ",
        tag("a", found.host, href=link(PATH, host=found.host)),
        " ",
        flags(found),
    )
    title_bar(view, join(shapes.method(found.method), found.path), crumbs=crumbs, title_class="mono")
    if found.sensitive and found.authenticated is False:
        classes = ", ".join(found.sensitive)
        show_markup(
            tag(
                "div",
                tag("strong", "Sensitive data without credentials"),
                tag("p", f"Callers that show no credentials get {classes}."),
                class_="banner bad",
            )
        )
    show_markup(_tiles(view, found, traffic))
    with grid("two-one"):
        with chart_panel("Traffic by decision"):
            ui.echart(charts.traffic(traffic.points, traffic.step_s, view.viewer))
        show_markup(_about(view, found))
    if posture.items:
        with grid(""):
            show_markup(shapes.panel("Findings", posture_table(view, posture.items)))
    with grid("two-one"):
        show_markup(_parameters(found))
        show_markup(_lists(found))
    with grid(""):
        show_markup(_consumers(view, found))
        more = tag("a", "all events", href=link("/events", endpoint_id=found.id, range=view.range))
        show_markup(shapes.panel("Latest events", rows_of(view, events.items), note=more))


def _tiles(view: View, found: models.EndpointDetail, traffic: models.Traffic) -> Markup:
    totals = traffic.totals
    failed = (totals.client_errors + totals.server_errors) / totals.requests if totals.requests else 0.0
    return shapes.tiles(
        shapes.tile(
            "Requests",
            shapes.short(totals.requests),
            shapes.change(totals.requests, traffic.before.requests),
            href=link("/events", endpoint_id=found.id, range=view.range),
        ),
        shapes.tile(
            "Stopped",
            shapes.short(totals.stopped),
            "by policies",
            href=link("/events", endpoint_id=found.id, action="stopped", range=view.range),
        ),
        shapes.tile("Errors", shapes.percent(failed), f"{shapes.number(totals.server_errors)} of them 5xx"),
        shapes.tile(
            "Consumers",
            shapes.short(found.consumers_total),
            f"from {shapes.number(totals.addresses)} addresses",
        ),
        shapes.tile("Time to answer, p99", f"{totals.p99_ms:,.0f} ms", f"median {totals.p50_ms:,.0f} ms"),
    )


def _about(view: View, found: models.EndpointDetail) -> Markup:
    auth = ", ".join(f"{row.value} ({shapes.number(row.count)})" for row in found.auth_seen) or "none seen"
    return shapes.panel(
        "About",
        shapes.facts(
            [
                ("API", tag("a", found.api or "none", href=link(PATH, api=found.api))),
                ("Host", found.host),
                ("First seen", join(view.viewer.exact(found.first_seen))),
                ("Last seen", view.viewer.ago(found.last_seen)),
                ("Documented", "yes" if found.documented else "no: in no OpenAPI document"),
                ("Credentials", auth),
                ("Refused credentials", ", ".join(row.value for row in found.identity_errors) or "none"),
                ("Request body", ", ".join(row.value for row in found.content_types) or "none"),
                ("Response body", ", ".join(row.value for row in found.response_content_types) or "none"),
                ("Labels", ", ".join(found.labels) or "none"),
                *([("Labels suggested", _suggested(found))] if found.suggested_labels else []),
                ("Id", tag("span", found.id, class_="mono")),
            ]
        ),
    )


def _suggested(found: models.EndpointDetail) -> Markup:
    hint = "Without effect until starfort.yaml sets them."
    return join(", ".join(found.suggested_labels), " ", tag("small", hint, class_="muted"))


def _parameters(found: models.EndpointDetail) -> Markup:
    if not found.parameters:
        return shapes.panel(
            "Parameters", shapes.empty("No parameters seen", "Values are never kept, only names and types.")
        )
    rows = [
        (
            tag("span", row.name, class_="mono"),
            row.location,
            ", ".join(row.types),
            shapes.bar(row.share, shapes.percent(row.share)),
        )
        for row in found.parameters
    ]
    return shapes.panel(
        "Parameters",
        shapes.table(("Name", "In", "Types", "In requests"), rows, figures=(3,), label="parameters"),
        note="names and types only",
    )


def _lists(found: models.EndpointDetail) -> Markup:
    def part(title: str, values: list[Any], nothing: str) -> Markup:
        return shapes.panel(title, shapes.counted(values, nothing, 8))

    sensitive = [*found.sensitive_response, *found.sensitive_request]
    return tag(
        "div",
        part("Statuses", found.statuses, "None within this time."),
        part("Sensitive data", sensitive, "None seen within this time."),
        part("Noticed in requests", found.findings, "Nothing within this time."),
        class_="stack",
    )


def _consumers(view: View, found: models.EndpointDetail) -> Markup:
    if not found.consumers:
        return shapes.panel("Consumers", shapes.empty("Nobody called it within this time"))
    rows = []
    for row in found.consumers[:20]:
        who = {"subject": row.subject} if row.subject else {"address": row.address}
        rows.append(
            (
                tag(
                    "div",
                    tag("a", row.subject or row.address, href=link("/events", who, endpoint_id=found.id)),
                    tag("small", row.user_agent or "no user agent"),
                    class_="two-lines",
                ),
                shapes.badge("verified", "ok") if row.subject else tag("span", "address", class_="muted"),
                shapes.bot(row.bot),
                tag("a", row.fingerprint, href=link("/events", fingerprint=row.fingerprint), class_="mono"),
                shapes.number(row.requests),
                shapes.number(row.stopped),
                view.viewer.ago(row.last_seen),
            )
        )
    heads = ("Who", "By", "Bot", "Fingerprint", "Requests", "Stopped", "Last seen")
    since = view.viewer.exact(found.consumers_since)
    note = f"{shapes.number(min(20, len(rows)))} of {shapes.number(found.consumers_total)} since {since}"
    return shapes.panel("Consumers", shapes.table(heads, rows, figures=(4, 5), label="consumers"), note=note)
