"""Overview: what waits for a person, what the traffic does, what was stopped."""

from dataclasses import dataclass
from typing import Final

from markupsafe import Markup
from nicegui import ui

from starfort.admin import models
from starfort.dashboard import charts, figures
from starfort.dashboard.frame import chart_panel, grid, refresh, show, title_bar
from starfort.dashboard.page import Menu, Page
from starfort.dashboard.templates import Template
from starfort.dashboard.view import View

TOP: Final = 8
"""APIs that the page lists."""

MINUTE: Final = 60
MANY_ERRORS: Final = 0.05
"""Share of 5xx answers above which the tile turns red."""

part = Template("overview.html")


@dataclass(frozen=True, slots=True)
class Figures:
    """What the tiles show."""

    totals: models.TrafficTotals
    change: tuple[str, str]
    stopped_share: float
    error_share: float
    many_errors: bool
    counts: models.CatalogueCounts
    alerts: int
    urgent_alerts: int
    findings: int
    urgent_findings: int


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything that the page shows, of one moment."""

    traffic: models.Traffic
    counts: models.CatalogueCounts
    attention: list[models.AttentionItem]
    apis: list[models.ApiTraffic]
    alerts: list[models.AlertPoint]


async def build(view: View) -> None:
    """Fill the page, and keep it fresh."""
    found = await _ask(view)
    title_bar(view, "Overview")
    if not found.traffic.totals.requests and not found.counts.total:
        show(part("nothing_yet"))
    tiles = show(_tiles(view, found))
    with grid("two-one"):
        with chart_panel("Traffic by decision", _legend(found.traffic)):
            chart = ui.echart(charts.traffic(found.traffic.points, found.traffic.step_s, view.viewer))
        waiting = show(part("attention", items=found.attention), "attention")
    with grid("two-one"):
        busiest = show(_apis(view, found))
        with chart_panel("Alerts over time", part("all_alerts"), low=True):
            bars = ui.echart(charts.alerts(found.alerts, view.viewer))

    async def again() -> None:
        now = await _ask(view)
        _redraw(chart, charts.traffic(now.traffic.points, now.traffic.step_s, view.viewer))
        _redraw(bars, charts.alerts(now.alerts, view.viewer))
        tiles.set_content(str(_tiles(view, now)))
        waiting.set_content(str(part("attention", items=now.attention)))
        busiest.set_content(str(_apis(view, now)))

    refresh(view, again)


async def _ask(view: View) -> Answers:
    insight = view.insight
    # One question after the other: the store lets a few readers in at once and refuses the others.
    return Answers(
        traffic=await insight.traffic(view.range),
        counts=await insight.endpoints.counts(),
        attention=await insight.attention(),
        apis=await insight.apis(view.range, TOP),
        alerts=await insight.alert_series(view.range),
    )


def _redraw(chart: ui.echart, options: charts.Options) -> None:
    # The chart keeps its own dictionary of options, so its content is replaced, not the dictionary.
    chart.options.clear()
    chart.options.update(options)
    chart.update()


def _tiles(view: View, found: Answers) -> Markup:
    totals = found.traffic.totals
    alerts, findings = view.insight.alerts_open(), view.insight.posture_counts()
    errors = totals.server_errors / totals.requests if totals.requests else 0.0
    shown = Figures(
        totals=totals,
        change=figures.change(totals.requests, found.traffic.before.requests),
        stopped_share=totals.stopped / totals.requests if totals.requests else 0.0,
        error_share=errors,
        many_errors=errors > MANY_ERRORS,
        counts=found.counts,
        alerts=sum(alerts.values()),
        urgent_alerts=_urgent(alerts),
        findings=sum(findings.values()),
        urgent_findings=_urgent(findings),
    )
    return part("tiles", figures=shown, range=view.range)


def _urgent(counts: dict[str, int]) -> int:
    return counts.get("critical", 0) + counts.get("high", 0)


def _apis(view: View, found: Answers) -> Markup:
    lines = [figures.sparkline(api.sparkline) for api in found.apis]
    return part("apis", apis=found.apis, lines=lines, range=view.range)


def _legend(traffic: models.Traffic) -> str:
    step = traffic.step_s
    return f"requests per {step} s" if step < MINUTE else f"requests per {step // MINUTE} min"


PAGE = Page("/", "Overview", build, range="1h", menu=Menu(10, "M3 12h4l3-8 4 16 3-8h4"))
