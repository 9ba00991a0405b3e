"""Nodes: whether Starfort itself is well."""

from collections.abc import Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from starfort.dashboard import shapes
from starfort.dashboard.frame import View, grid, refresh, show_markup, title_bar
from starfort.dashboard.markup import tag
from starfort.runtime import NodeStatus, Status


async def build(view: View) -> None:
    """Fill the page, and keep it fresh."""
    title_bar(view, "Nodes", ranges=False)
    health = show_markup(_health(view.insight.status()))
    with grid(""):
        nodes = show_markup(_nodes(view, view.insight.status()))
    with grid("three"):
        parts = [show_markup(part) for part in _parts(view, view.insight.status())]

    async def again() -> None:
        now = view.insight.status()
        health.set_content(str(_health(now)))
        nodes.set_content(str(_nodes(view, now)))
        for place, part in zip(parts, _parts(view, now), strict=True):
            place.set_content(str(part))

    refresh(view, again)


def _health(status: Status) -> Markup:
    if status.healthy:
        text = f"Version {status.version} on {status.node}, up for {_span(status.uptime_s)}."
        return tag("div", tag("strong", "Starfort is well"), tag("p", text), class_="banner ok")
    lines = [tag("p", problem) for problem in status.problems]
    return tag("div", tag("strong", "Starfort needs attention"), lines, class_="banner bad")


def _nodes(view: View, status: Status) -> Markup:
    if not status.nodes:
        hint = "The filter connects when Envoy starts; see the log of starfort up."
        return shapes.panel("Filters", shapes.empty("No filter has connected yet", hint))
    heads = ("Node", "State", "Requests /s", "Bundle", "Filter", "Events dropped", "Signals", "Last word")
    rows = [_node(view, node, status.config.bundle) for node in status.nodes]
    return shapes.panel("Filters", shapes.table(heads, rows, figures=(2, 5, 6), label="nodes"))


def _node(view: View, node: NodeStatus, bundle: str) -> tuple[object, ...]:
    state = shapes.badge("connected", "ok") if node.connected else shapes.badge("away", "bad")
    behind = shapes.badge("older bundle", "warn") if node.bundle != bundle else None
    refused = tag("small", node.bundle_error) if node.bundle_error else None
    asked = tag("small", f"asked for {node.bundle_awaited}") if node.bundle_awaited else None
    since = datetime.fromtimestamp(node.bundle_since, UTC)
    runs = tag("small", "since ", view.viewer.exact(since)) if node.bundle_since else None
    return (
        tag("div", tag("strong", node.node), tag("small", f"process {node.pid}"), class_="two-lines"),
        state,
        f"{node.requests_per_s:,.1f}",
        tag(
            "div",
            tag("span", node.bundle, class_="mono"),
            " ",
            behind,
            refused or asked or runs,
            class_="two-lines",
        ),
        tag("div", node.filter_version, tag("small", f"Envoy ABI {node.envoy_abi}"), class_="two-lines"),
        shapes.badge(shapes.number(node.events_dropped), "warn") if node.events_dropped else "0",
        shapes.number(node.signals_active),
        view.viewer.ago(datetime.fromtimestamp(node.seen_at, UTC)),
    )


def _parts(view: View, status: Status) -> list[Markup]:
    config, store, envoy = status.config, status.store, status.envoy
    loaded = datetime.fromtimestamp(config.loaded_at, UTC)
    return [
        shapes.panel(
            "Configuration",
            shapes.facts(
                [
                    ("File", tag("span", config.path, class_="mono")),
                    ("Bundle", tag("span", config.bundle, class_="mono")),
                    ("In force since", view.viewer.exact(loaded)),
                    ("Refused since start", shapes.number(config.errors)),
                    ("Last refusal", config.last_error or tag("span", "none", class_="muted")),
                    ("Warnings", _warnings(config.warnings)),
                ]
            ),
        ),
        shapes.panel(
            "Store",
            shapes.facts(
                [
                    ("Events stored", shapes.number(store.events_stored)),
                    ("Events /s", f"{store.events_per_s:,.1f}"),
                    ("Events lost", shapes.number(store.events_dropped)),
                    ("Behind by", f"{store.lag_s:,.1f} s"),
                    ("Waiting in the spool", f"{shapes.number(store.spool_bytes)} bytes"),
                    ("Last error", store.error or tag("span", "none", class_="muted")),
                ]
            ),
        ),
        shapes.panel(
            "Envoy",
            shapes.facts(
                [
                    ("State", shapes.badge(envoy.state, "ok" if envoy.state == "running" else "warn")),
                    ("Process", envoy.pid or "none"),
                    ("Restarts", shapes.number(envoy.restarts)),
                    ("Last error", envoy.last_error or tag("span", "none", class_="muted")),
                    ("Endpoints known", shapes.number(status.endpoints)),
                    ("Signals active", shapes.number(status.signals_active)),
                ]
            ),
        ),
    ]


def _warnings(warnings: Sequence[str]) -> Markup:
    """What of the configuration has no effect."""
    if not warnings:
        return tag("span", "none", class_="muted")
    return tag("ul", *[tag("li", warning) for warning in warnings])


def _span(seconds: float) -> str:
    days, rest = divmod(int(seconds), 86_400)
    hours, rest = divmod(rest, 3600)
    return f"{shapes.plural(days, 'day')} {hours} h" if days else f"{hours} h {rest // 60} min"
