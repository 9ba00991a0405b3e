"""`starfort status`."""

from collections.abc import Iterator
from typing import Any

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.errors import FoundError
from starfort.cli.options import Json, online


@online
def status(client: AdminClient, *, json: Json = False) -> None:
    """Show how Starfort is: nodes, rates, drops, detectors, alerts. Ends with 1 when it is not healthy."""
    found = client.get("/status")
    if json:
        output.print_json(found)
    else:
        _show(found)
    if not found["healthy"]:
        raise FoundError("Starfort is not healthy:\n" + "\n".join(f"- {each}" for each in found["problems"]))


def _show(found: dict[str, Any]) -> None:
    output.fields(_overview(found))
    output.heading("Nodes")
    output.table(
        [
            "node", "pid", "connected", "req/s", "signals", "waiting", "dropped", "bundle", "since", "filter",
            "last word",
        ],
        (
            [
                node["node"], str(node["pid"]), node["connected"], node["requests_per_s"],
                node["signals_active"], node.get("events_waiting", 0), node["events_dropped"], _bundle(node),
                output.moment(node["bundle_since"]) if node.get("bundle_since") else "",
                node["filter_version"], output.moment(node["seen_at"]),
            ]
            for node in found["nodes"]
        ),
        empty="No filter has connected yet.",
    )  # fmt: skip
    output.heading("Detectors")
    output.table(
        ["detector", "runs", "failures", "last ms", "signals", "behind s", "problem"],
        (
            [
                each["name"],
                each["runs"],
                each["failures"],
                each["last_ms"],
                each["signals"],
                each.get("behind_s", 0.0),
                each.get("problem") or each["last_error"],
            ]
            for each in found["detectors"]
        ),
        empty="None.",
    )


def _bundle(node: dict[str, Any]) -> str:
    awaited = node.get("bundle_awaited")
    return f"{node['bundle']}, asked for {awaited}" if awaited else str(node["bundle"])


def _overview(found: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    config, envoy, store = found["config"], found["envoy"], found["store"]
    healthy = found["healthy"]
    yield "state", output.styled("healthy" if healthy else "not healthy", "green" if healthy else "bold red")
    yield "starfort", f"{found['version']} on {found['node']}, process {found['pid']}"
    yield "up", output.span(found["uptime_s"])
    yield "configuration", config["path"]
    yield "bundle", f"{config['bundle']} since {output.moment(config['loaded_at'])}"
    yield "rules", config["rules"]
    if config["errors"]:
        since = output.moment(config["last_error_at"]) if config["last_error"] else "none stands"
        yield "refused", f"{config['errors']} since the start; last: {since}"
    if config["warnings"]:
        yield "warnings", f"{len(config['warnings'])}; `starfort check` shows each place"
    yield "envoy", f"{envoy['state']}, process {envoy['pid']}, {envoy['restarts']} restarts"
    if envoy["leaving"]:
        yield "envoy before", f"process {', '.join(map(str, envoy['leaving']))}, until its connections end"
    if envoy["pending"]:
        yield "not yet", envoy["pending"]
    rate, dropped = store["events_per_s"], store["events_dropped"]
    stored = f"{store['events_stored']:,} stored, {rate:.1f}/s, {dropped:,} dropped"
    waiting = f"{store['lag_s']:.1f} s behind, {output.size(store['spool_bytes'])} waiting"
    yield "events", f"{stored}, {waiting}"
    if store.get("missing_events"):
        count, seconds = store["missing_events"], store["missing_s"]
        yield "events overtaken", f"{count:,} of {seconds:.0f} s of earlier time wait in the spool"
    if store.get("thinned"):
        one_in = store["thinned"]
        kept = "details are left out" if one_in == 1 else f"of {one_in} ordinary calls one is kept"
        yield "too many events", kept
    opened = ", ".join(f"{count} {name}" for name, count in found["alerts_open"].items() if count) or "none"
    yield (
        "alerts open",
        opened + (f"; {found['alerts_dropped']} not delivered" if found["alerts_dropped"] else ""),
    )
    yield "signals active", found["signals_active"]
    yield "endpoints", found["endpoints"]
