"""`starfort events`."""

import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Final, Literal

import typer

from starfort.base.actions import ALLOW, colour_of, decision_filters
from starfort.cli import output
from starfort.cli.admin_client import AdminClient, Parameter
from starfort.cli.answers import Event, RuleMatch
from starfort.cli.options import Json, Limit, online

if TYPE_CHECKING:
    from rich.text import Text

    Decided = str
else:
    # Typer offers the words of a `Literal`; these are what the table of actions says.
    Decided = Literal[decision_filters()]

_NOTED: Final = ("tags", "observed", "findings", "anomalies", "signals")
"""Fields that a line shows at its end when they are not empty."""

POLL_S: Final = 1.0
"""How often `--follow` asks for what is new."""

REMEMBERED: Final = 20_000
"""How many ids `--follow` remembers, so that it shows an event once. Also the most that it shows at once."""

Range = Annotated[
    Literal["15m", "1h", "6h", "24h", "7d", "30d"], typer.Option("--range", "-r", help="How far back.")
]

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with new events until Ctrl-C.")]
Bot = Annotated[Literal["", "none", "good", "bad", "tool"], typer.Option(help="Only of this class of bot.")]


@online
def events(
    client: AdminClient,
    *,
    follow: Follow = False,
    range: Range = "24h",
    limit: Limit = 50,
    id: Annotated[str, typer.Option(help="Only the event with this x-request-id.")] = "",
    api: Annotated[str, typer.Option(help="Only of this API.")] = "",
    method: Annotated[str, typer.Option(help="Only with this method.")] = "",
    path: Annotated[str, typer.Option(help="Only those whose path contains this text.")] = "",
    status: Annotated[str, typer.Option(help="Only with this status or class: 404, 5xx.")] = "",
    address: Annotated[str, typer.Option(help="Only from this address.")] = "",
    asn: Annotated[int, typer.Option(help="Only from this autonomous system.")] = 0,
    fingerprint: Annotated[str, typer.Option(help="Only with this header-order fingerprint.")] = "",
    ja4: Annotated[str, typer.Option(help="Only with this TLS fingerprint.")] = "",
    subject: Annotated[str, typer.Option(help="Only of this verified subject.")] = "",
    bot: Bot = "",
    action: Annotated[Decided, typer.Option(help="Only with this action; stopped: all but allow.")] = "",
    policy: Annotated[str, typer.Option(help="Only those that this policy acted on or would have.")] = "",
    observed: Annotated[str, typer.Option(help="Only those that this policy observed.")] = "",
    finding: Annotated[str, typer.Option(help="Only with this finding or anomaly.")] = "",
    signal: Annotated[str, typer.Option(help="Only with this kind of signal.")] = "",
    sensitive: Annotated[str, typer.Option(help="Only with this class of sensitive data.")] = "",
    json: Json = False,
) -> None:
    """Show requests, latest last; with --json one JSON object a line. Fields: docs/events.md."""
    # AS 0 never originates a route (RFC 7607), so 0 can stand for "not given".
    wanted = {
        "id": id, "api": api, "method": method.upper(), "path": path, "status": status, "address": address,
        "asn": asn or None, "fingerprint": fingerprint, "ja4": ja4, "subject": subject, "bot": bot,
        "action": action, "policy": policy, "observed": observed, "finding": finding, "signal": signal,
        "sensitive": sensitive,
    }  # fmt: skip
    found: list[Event] = list(client.latest("/events", limit, **wanted, range=range))
    _show(found, json=json, evidence=bool(id))
    if follow:
        _follow(client, wanted, {event["id"]: None for event in reversed(found)}, json=json)
    elif not found:
        output.say("No such event. Try a longer --range, or fewer filters.")


def _show(found: list[Event], *, json: bool, evidence: bool) -> None:
    """Print events, latest last; for a single event, also the rules that matched."""
    _print(reversed(found), json=json)
    for event in found if evidence and not json else ():
        _matches(event["evidence"])


def _follow(
    client: AdminClient, wanted: Mapping[str, Parameter], seen: dict[str, None], *, json: bool
) -> None:
    """Print what was not seen yet, again and again.

    Args:
        client: the API to ask.
        wanted: the filters.
        seen: ids that were printed, oldest first. A dictionary, because it keeps its order.
        json: one JSON object a line.
    """
    while True:
        time.sleep(POLL_S)
        fresh: list[Event] = []
        # Latest first: everything behind the first known event is known too. The shortest range suffices,
        # since what is new is seconds old.
        for event in client.latest("/events", REMEMBERED, **wanted, range="15m"):
            if event["id"] in seen:
                break
            fresh.append(event)
        fresh.reverse()
        _print(fresh, json=json)
        seen.update(dict.fromkeys(event["id"] for event in fresh))
        for old in list(seen)[: max(0, len(seen) - REMEMBERED)]:
            del seen[old]


def _print(found: Iterable[Event], *, json: bool) -> None:
    console = output.console()
    for event in found:
        if json:
            output.print_line(event)
        else:
            console.print(_line(event), soft_wrap=True)


def _matches(found: list[RuleMatch]) -> None:
    """The rules that matched, with what they matched masked."""
    if not found:
        return
    output.heading("Matched rules")
    output.table(
        ["rule", "severity", "says", "variable", "value, masked"],
        ([str(m["rule"]), m["severity"], m["message"], m["variable"], m["value"]] for m in found),
        empty="",
    )


def _line(event: Event) -> "Text":
    """One event on one line: time, status, request, caller, and what was done with it."""
    # One line for each event, in the order in which people look for things, so that `grep` works on it.
    line = output.styled(output.moment(event["time"]), "dim")
    status = event["status"]
    bad = status >= 500  # noqa: PLR2004 (HTTP)
    # No status: the caller went away before there was an answer.
    line.append(f" {status or '---'}", style="red" if bad else "yellow" if status >= 400 else "green")  # noqa: PLR2004
    line.append(f" {event['method']:<6} {output.printable(event['host'] + event['path'])}", style="not dim")
    who = " ".join(filter(None, [event["address"], event["country"], event["subject"] or event["bot_name"]]))
    line.append(f"  {output.printable(who)}")
    if event["action"] != ALLOW:
        style = colour_of(event["action"]).terminal
        line.append(f"  {event['action']}:{event['policy']}", style=f"not dim {style}")
    for name in _NOTED:
        if event[name]:
            line.append(f"  {name}={','.join(map(output.printable, event[name]))}")
    line.append(f"  {event['id']}")
    return line
