"""`starfort status`."""

from collections.abc import Iterator

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import (
    ConfigStatus,
    DetectorStatus,
    EnvoyStatus,
    Node,
    Status,
    StoreStatus,
)
from starfort.cli.errors import FoundError
from starfort.cli.options import Json, online


@online
def status(client: AdminClient, *, json: Json = False) -> None:
    """Show Starfort's state: nodes, rates, drops, detectors, alerts. Ends with 1 when it is not healthy."""
    found: Status = client.get("/status")
    if json:
        output.print_json(found)
    else:
        _show(found)
    # Last, so that scripts have the whole status before the exit code says that something is wrong.
    if not found["healthy"]:
        raise FoundError("Starfort is not healthy:\n" + "\n".join(f"- {each}" for each in found["problems"]))


def _show(found: Status) -> None:
    output.fields(_overview(found))
    output.heading("Nodes")
    output.table(
        [
            "node", "pid", "connected", "req/s", "signals", "waiting", "dropped", "bundle", "since", "filter",
            "last word",
        ],
        map(_node, found["nodes"]),
        empty="No filter has connected yet.",
    )  # fmt: skip
    output.heading("Detectors")
    output.table(
        ["detector", "runs", "failures", "last ms", "signals", "behind s", "problem"],
        map(_detector, found["detectors"]),
        empty="None.",
    )


def _node(node: Node) -> list[object]:
    # `since` is 0 when the filter has not said it yet. A process id is printed as text, because numbers get
    # separators of thousands.
    since = node.get("bundle_since")
    return [
        node["node"], str(node["pid"]), node["connected"], node["requests_per_s"], node["signals_active"],
        node.get("events_waiting", 0), node["events_dropped"], _bundle(node),
        output.moment(since) if since else "", node["filter_version"], output.moment(node["seen_at"]),
    ]  # fmt: skip


def _bundle(node: Node) -> str:
    awaited = node.get("bundle_awaited")
    return f"{node['bundle']}, asked for {awaited}" if awaited else node["bundle"]


def _detector(each: DetectorStatus) -> list[object]:
    return [
        each["name"], each["runs"], each["failures"], each["last_ms"], each["signals"],
        each.get("behind_s", 0.0), each.get("problem") or each["last_error"],
    ]  # fmt: skip


def _overview(found: Status) -> Iterator[tuple[str, object]]:
    healthy = found["healthy"]
    yield "state", output.styled("healthy" if healthy else "not healthy", "green" if healthy else "bold red")
    yield "starfort", f"{found['version']} on {found['node']}, process {found['pid']}"
    yield "up", output.span(found["uptime_s"])
    yield from _configuration(found["config"])
    yield from _envoy(found["envoy"])
    yield from _events(found["store"])
    opened = ", ".join(f"{count} {name}" for name, count in found["alerts_open"].items() if count) or "none"
    lost = f"; {found['alerts_dropped']} not delivered" if found["alerts_dropped"] else ""
    yield "alerts open", opened + lost
    yield "signals active", found["signals_active"]
    yield "endpoints", found["endpoints"]


def _configuration(config: ConfigStatus) -> Iterator[tuple[str, object]]:
    yield "configuration", config["path"]
    yield "bundle", f"{config['bundle']} since {output.moment(config['loaded_at'])}"
    yield "rules", config["rules"]
    if config["errors"]:
        since = output.moment(config["last_error_at"]) if config["last_error"] else "none stands"
        yield "refused", f"{config['errors']} since the start; last: {since}"
    if config["warnings"]:
        yield "warnings", f"{len(config['warnings'])}; `starfort check` shows each place"


def _envoy(envoy: EnvoyStatus) -> Iterator[tuple[str, object]]:
    yield "envoy", f"{envoy['state']}, process {envoy['pid']}, {envoy['restarts']} restarts"
    if envoy["leaving"]:
        yield "envoy before", f"process {', '.join(map(str, envoy['leaving']))}, until its connections end"
    if envoy["pending"]:
        yield "not yet", envoy["pending"]


def _events(store: StoreStatus) -> Iterator[tuple[str, object]]:
    rate, dropped = store["events_per_s"], store["events_dropped"]
    stored = f"{store['events_stored']:,} stored, {rate:.1f}/s, {dropped:,} dropped"
    waiting = f"{store['lag_s']:.1f} s behind, {output.size(store['spool_bytes'])} waiting"
    yield "events", f"{stored}, {waiting}"
    if count := store.get("missing_events"):
        seconds = store.get("missing_s", 0.0)
        yield "events overtaken", f"{count:,} of {seconds:.0f} s of earlier time wait in the spool"
    if one_in := store.get("thinned"):
        # 1 means that every call has its row, without its details.
        kept = "details are left out" if one_in == 1 else f"of {one_in} ordinary calls one is kept"
        yield "too many events", kept
