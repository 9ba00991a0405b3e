"""Options of charts. The colours suit a dark and a light page, since a page follows the viewer's system."""

from collections.abc import Sequence
from typing import Final

from starfort.admin import models
from starfort.base.actions import ALLOW, colour_of, decisions
from starfort.base.severity import Severity
from starfort.dashboard.viewer import Viewer

Options = dict[str, object]
"""Options of one chart, as Apache ECharts names them."""

SEVERITY_COLOURS: Final[dict[Severity, str]] = {
    "critical": "#e5484d",
    "high": "#f2762e",
    "medium": "#f0a020",
    "low": "#5b8def",
    "info": "#8a94a6",
}
_TEXT = "#8a94a6"
_LINE = "rgba(138,148,166,0.22)"


def traffic(points: Sequence[models.TrafficPoint], step_s: int, viewer: Viewer) -> Options:
    """Requests over time by what was done with them, one area above the other."""
    # What simply passed is always there, so that a quiet window has an axis; others only where they happened.
    shown = [
        action
        for action in decisions()
        if action.word == ALLOW or any(point.count(action.word) for point in points)
    ]
    series = [
        _area(action.past, [point.count(action.word) for point in points], action.colour.chart)
        for action in shown
    ]
    return _base([viewer.label(point.time, step_s) for point in points], series)


def alerts(points: Sequence[models.AlertPoint], viewer: Viewer) -> Options:
    """Alerts over time by severity, one bar above the other."""
    step_s = int((points[1].time - points[0].time).total_seconds()) if len(points) > 1 else 60
    series = [
        _bars(name, [point.counts.get(name, 0) for point in points], colour)
        for name, colour in SEVERITY_COLOURS.items()
        if any(point.counts.get(name) for point in points)
    ]
    return _base([viewer.label(point.time, step_s) for point in points], series)


def policy(points: Sequence[models.PolicyPoint], step_s: int, viewer: Viewer) -> Options:
    """Requests over time on which a policy acted, and on which it would have acted in observe mode."""
    series = [
        _bars("acted", [point.enforced for point in points], colour_of("block").chart),
        _bars("would have acted", [point.observed for point in points], colour_of("limit").chart),
    ]
    return _base([viewer.label(point.time, step_s) for point in points], series)


def _area(name: str, values: list[int], colour: str) -> Options:
    return {
        "name": name,
        "type": "line",
        "stack": "all",
        "data": values,
        # A dot for each of some hundred points would hide the area.
        "symbol": "none",
        "itemStyle": {"color": colour},
        # No line: where a series is 0 its line would lie on the one below and colour it.
        "lineStyle": {"width": 0},
        "areaStyle": {"color": colour, "opacity": 0.6},
    }


def _bars(name: str, values: list[int], colour: str) -> Options:
    return {
        "name": name,
        "type": "bar",
        "stack": "all",
        "data": values,
        "itemStyle": {"color": colour},
        # A single alert in a long window is a bar, not a wall.
        "barMaxWidth": 14,
    }


def _base(labels: list[str], series: list[Options]) -> Options:
    return {
        # The panel's own background shows through, dark or light.
        "backgroundColor": "transparent",
        # Charts that refresh every ten seconds would never stand still.
        "animation": False,
        # A description of the chart for screen readers, made by ECharts.
        "aria": {"enabled": True},
        "grid": {"left": 52, "right": 12, "top": 34, "bottom": 26},
        "legend": {
            "top": 0,
            "left": 0,
            "icon": "roundRect",
            "itemWidth": 10,
            "itemHeight": 10,
            "textStyle": {"color": _TEXT},
            "inactiveColor": "#5a6270",
        },
        # Within the chart: the panel cuts off what reaches out of it.
        "tooltip": {"trigger": "axis", "confine": True},
        "xAxis": {
            "type": "category",
            "data": labels,
            # Bars need room at both ends; an area begins at the edge.
            "boundaryGap": series[0]["type"] == "bar" if series else False,
            "axisLine": {"lineStyle": {"color": _LINE}},
            "axisTick": {"show": False},
            "axisLabel": {"color": _TEXT, "hideOverlap": True},
        },
        "yAxis": {
            "type": "value",
            # There is no half request.
            "minInterval": 1,
            "splitLine": {"lineStyle": {"color": _LINE}},
            "axisLabel": {"color": _TEXT},
        },
        "series": series,
    }
