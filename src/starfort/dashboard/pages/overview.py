"""Overview: what waits for a person, what the traffic does, what was stopped."""

from markupsafe import Markup
from nicegui import ui

from starfort.admin import models
from starfort.dashboard import charts, shapes
from starfort.dashboard.frame import View, chart_panel, grid, refresh, show_markup, title_bar
from starfort.dashboard.markup import tag
from starfort.dashboard.viewer import link

TOP = 8
MINUTE = 60
MANY_ERRORS = 0.05
"""Share of 5xx answers above which the tile turns red."""


async def build(view: View) -> None:
    """Fill the page, and keep it fresh."""
    insight = view.insight
    traffic = await insight.traffic(view.range)
    counts = await insight.endpoints.counts()
    attention = await insight.attention()
    apis = await insight.apis(view.range, TOP)
    series = await insight.alert_series(view.range)
    title_bar(view, "Overview")
    if not traffic.totals.requests and not counts.total:
        show_markup(_nothing_yet())
    figures = show_markup(_tiles(view, traffic, counts))
    with grid("two-one"):
        with chart_panel("Traffic by decision", _legend(traffic)):
            chart = ui.echart(charts.traffic(traffic.points, traffic.step_s, view.viewer))
        waiting = show_markup(_attention(attention), "attention")
    with grid("two-one"):
        busiest = show_markup(_apis(view, apis))
        with chart_panel("Alerts over time", tag("a", "all alerts", href="/alerts"), low=True):
            bars = ui.echart(charts.alerts(series, view.viewer))

    async def again() -> None:
        now = await insight.traffic(view.range)
        chart.options.clear()
        chart.options.update(charts.traffic(now.points, now.step_s, view.viewer))
        chart.update()
        bars.options.clear()
        bars.options.update(charts.alerts(await insight.alert_series(view.range), view.viewer))
        bars.update()
        figures.set_content(str(_tiles(view, now, await insight.endpoints.counts())))
        waiting.set_content(str(_attention(await insight.attention())))
        busiest.set_content(str(_apis(view, await insight.apis(view.range, TOP))))

    refresh(view, again)


def _tiles(view: View, traffic: models.Traffic, counts: models.CatalogueCounts) -> Markup:
    totals, before = traffic.totals, traffic.before
    open_alerts = view.insight.alerts_open()
    urgent = open_alerts.get("critical", 0) + open_alerts.get("high", 0)
    share = totals.stopped / totals.requests if totals.requests else 0.0
    errors = totals.server_errors / totals.requests if totals.requests else 0.0
    return shapes.tiles(
        shapes.tile(
            "Open alerts",
            shapes.number(sum(open_alerts.values())),
            f"{shapes.number(urgent)} critical or high" if urgent else "none critical or high",
            kind="bad" if urgent else "",
            href="/alerts?open=1",
        ),
        shapes.tile(
            "Stopped",
            shapes.short(totals.stopped),
            f"{shapes.percent(share)} of requests",
            href=link("/events", action="stopped", range=view.range),
        ),
        shapes.tile(
            "Requests",
            shapes.short(totals.requests),
            shapes.change(totals.requests, before.requests),
            href=link("/events", range=view.range),
        ),
        shapes.tile(
            "New endpoints",
            shapes.number(counts.new),
            f"{shapes.number(counts.undocumented)} of {shapes.number(counts.total)} undocumented",
            kind="warn" if counts.new else "",
            href="/catalogue?show=new",
        ),
        _findings_tile(view),
        shapes.tile(
            "Server errors",
            shapes.percent(errors),
            tag(
                "span",
                f"p99 {totals.p99_ms:,.0f} ms",
                title=f"Starfort's own part: {totals.engine_p99_us / 1000:,.1f} ms (p99)",
            ),
            kind="bad" if errors > MANY_ERRORS else "",
            href=link("/events", status="5xx", range=view.range),
        ),
    )


def _findings_tile(view: View) -> Markup:
    counts = view.insight.posture_counts()
    urgent = counts.get("critical", 0) + counts.get("high", 0)
    return shapes.tile(
        "Findings",
        shapes.number(sum(counts.values())),
        f"{shapes.number(urgent)} critical or high" if urgent else "none critical or high",
        kind="warn" if urgent else "",
        href="/findings",
    )


def _legend(traffic: models.Traffic) -> str:
    step = traffic.step_s
    return f"requests per {step} s" if step < MINUTE else f"requests per {step // 60} min"


def _attention(items: list[models.AttentionItem]) -> Markup:
    if not items:
        content = shapes.empty(
            "Nothing waits for you", "No open alerts, no new endpoints, no policy to decide on."
        )
    else:
        content = tag(
            "ul",
            (
                tag(
                    "li",
                    tag(
                        "a",
                        tag("i", class_=shapes.severity_kind(item.severity)),
                        tag("div", tag("strong", item.title), tag("span", item.detail)),
                        shapes.severity(item.severity),
                        href=item.link,
                    ),
                )
                for item in items
            ),
            class_="todo",
        )
    return shapes.panel("Needs attention", content, note=shapes.plural(len(items), "item") if items else None)


def _apis(view: View, apis: list[models.ApiTraffic]) -> Markup:
    if not apis:
        return shapes.panel("Busiest APIs", shapes.empty("No traffic", "No request came within this time."))
    rows = [
        (
            tag("a", api.api or "no API matched", href=link("/catalogue", api=api.api)),
            shapes.sparkline(api.sparkline, f"requests of {api.api} over time"),
            tag("a", shapes.number(api.requests), href=link("/events", api=api.api, range=view.range)),
            tag(
                "a",
                shapes.number(api.stopped),
                href=link("/events", api=api.api, action="stopped", range=view.range),
            ),
            shapes.percent(api.client_errors / api.requests),
            shapes.percent(api.server_errors / api.requests),
            shapes.number(api.addresses),
            f"{api.p99_ms:,.0f} ms",
        )
        for api in apis
    ]
    heads = ("API", "Over time", "Requests", "Stopped", "4xx", "5xx", "Addresses", "p99")
    return shapes.panel("Busiest APIs", shapes.table(heads, rows, figures=range(2, 8), label="busiest APIs"))


def _nothing_yet() -> Markup:
    return tag(
        "div",
        tag("strong", "No traffic has come through yet"),
        tag("p", "Send a request through a listener of starfort.yaml; it shows here within seconds."),
        class_="banner info",
    )
