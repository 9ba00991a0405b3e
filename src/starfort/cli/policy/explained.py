"""Prints the engine's explanation of one request in words."""

from json import loads
from typing import TYPE_CHECKING, Final

from starfort.base.actions import ALLOW
from starfort.cli import output

if TYPE_CHECKING:
    from starfort._engine import Explanation

_OUTCOMES: Final = {
    "expired": "expired",
    "not_for_this_api": "not for this API",
    "not_for_this_endpoint": "not for this endpoint",
    "no_match": "condition is false",
    "error": "condition is an error",
    "within_limit": "within the limit",
    "observed": "would act (observe)",
    "applied": "acts",
    "not_reached": "not reached",
    "not_asked": "asked when the response is there",
}


def decision(explained: "Explanation") -> str:
    """`ACTION:POLICY`, or the action alone where no policy decided."""
    action, policy = explained["action"], explained["policy"]
    return f"{action}:{policy}" if policy else str(action)


def _decided(explained: "Explanation") -> str:
    """What decided, in words."""
    if explained["policy"]:
        return f"{explained['action']} by {explained['policy']}"
    if explained["action"] == ALLOW:
        return "allow: no policy ends it"
    if "over_limit" not in explained["findings"]:
        return f"{explained['action']}: its form lets it pass nowhere"
    limits = [name for name in explained["anomalies"] if name.endswith("_over_limit")]
    which = ", ".join(limits)
    return f"{explained['action']}: over a limit of what is called ({which}), see `limits` in starfort.yaml"


def _match(row: str) -> str:
    """A match of a rule in one line, its value masked."""
    match = loads(row)
    counts = " (content, counts for nothing)" if match.get("weighed") else ""
    return (
        f"{match['rule']} at {match['variable']}{counts}: {match['value']}"
        if match["variable"]
        else str(match["rule"])
    )


def show(explained: "Explanation", name: str) -> None:
    """Print everything about one request.

    Args:
        explained: the engine's explanation.
        name: of the case; "" for the only one.
    """
    if name:
        output.heading(name)
    _show_request(explained)
    answer = explained["answer"]
    if answer:
        output.fields([("answer", f"{answer['status']} {answer['body'].decode(errors='replace')[:500]}")])
    output.heading("Policies, in order")
    output.table(
        ["policy", "mode", "action", "phase", "outcome"],
        (
            [
                each["policy"], each["mode"], each["action"], each["phase"],
                ": ".join(filter(None, [_OUTCOMES.get(each["outcome"], each["outcome"]), each["error"]])),
            ]
            for each in explained["policies"]
        ),
        empty="The configuration has no policy.",
    )  # fmt: skip


def _show_request(explained: "Explanation") -> None:
    """What every stage learned of the request and its response."""
    request, client, identity = explained["request"], explained["client"], explained["identity"]
    endpoint = explained["endpoint"]
    where = " ".join(filter(None, [client["country"], client["continent"], client["as_organization"]]))
    known = f"{endpoint['method']} {endpoint['path']}" if endpoint else "none: undocumented"
    readings = [f"{each['path']} ({each['endpoint'] or 'unknown'})" for each in explained["readings"]]
    evidence = explained["event"]["evidence"]
    matched = [_match(str(each)) for each in evidence] if isinstance(evidence, list) else []
    output.fields(
        [
            ("decision", output.styled(_decided(explained), "bold")),
            ("upstream", explained["upstream"]),
            ("request", f"{request['method']} {request['host']}{request['path']}"),
            ("api", request["api"] or "none matches"),
            ("endpoint", known),
            ("also read as", readings),
            ("labels", endpoint["labels"] if endpoint else []),
            ("client", f"{client['address']} {where}".strip()),
            ("bot", f"{client['bot']} {client['bot_name']}".strip()),
            ("identity", f"{identity['kind']} {identity['subject']} {identity['error']}".strip()),
            ("signals", [f"{each['kind']}={each['score']}" for each in explained["signals"]]),
            ("findings", explained["findings"]),
            ("contract", explained["contract"]),
            ("matched", matched),
            ("anomalies", explained["anomalies"]),
            ("sensitive", explained["sensitive_request"] + explained["sensitive_response"]),
            ("also done", explained["done"]),
            ("would do", explained["observed"]),
        ]
    )
