"""`starfort policy test`."""

from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from starfort.cli import options, output, target
from starfort.cli.admin_client import AdminClient
from starfort.cli.cache import known_rules
from starfort.cli.errors import FoundError, UsageError
from starfort.cli.options import Json

if TYPE_CHECKING:
    from starfort._engine import Engine
    from starfort.config import Config

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


def run(
    file: Annotated[
        Path | None,
        typer.Argument(
            exists=True, dir_okay=False, help="YAML or JSON with a request, or a list; see docs/policies.md."
        ),
    ] = None,
    *,
    method: Annotated[str, typer.Option("--method", "-X", help="Method.")] = "GET",
    url_: Annotated[str, typer.Option("--url", help="https://HOST/PATH?QUERY.")] = "",
    header: Annotated[
        list[str] | None, typer.Option("--header", "-H", help="'Name: value'; several times for several.")
    ] = None,
    body: Annotated[str, typer.Option("--body", "-d", help="Body; @FILE reads a file.")] = "",
    address: Annotated[str, typer.Option("--from", help="Address that the request comes from.")] = "",
    country: Annotated[
        str,
        typer.Option(
            help="Come from an address of this country (ISO 3166), as the configured geo.country has it."
        ),
    ] = "",
    signal: Annotated[
        list[str] | None, typer.Option(help="KIND=SCORE: this signal is active for the address.")
    ] = None,
    response_status: Annotated[int, typer.Option(min=200, max=599, help="What the upstream answers.")] = 200,
    response_body: Annotated[str, typer.Option(help="Body of that answer; @FILE reads a file.")] = "",
    event: Annotated[
        str,
        typer.Option(
            help="Take the request of this event (x-request-id) of the running Starfort, without its body."
        ),
    ] = "",
    expect: Annotated[str, typer.Option(help="ACTION or ACTION:POLICY: end with 1 when it is another.")] = "",
    config: options.Config = None,
    data_dir: options.DataDir = None,
    json: Json = False,
) -> None:
    """Say which policy decides on a request and why, by the configuration file. Nothing is sent."""
    if sum(map(bool, (file, url_, event))) != 1:
        raise UsageError(
            "describe the request by --url and its options, by a FILE, or by --event",
            "see `starfort policy test --help`",
        )
    if file is not None:
        cases = _read(file)
    else:
        described = (
            _of_event(event, config, data_dir) if event else _described(url_, method, header or [], body)
        )
        if response_body or response_status != 200:  # noqa: PLR2004 (HTTP)
            described["response"] = {"status": response_status, "body": _content(response_body)}
        cases = [{"request": described, "expect": expect}]
    for case in cases:
        case.setdefault("signals", dict(map(_signal, signal or [])))
        if address:
            case["request"]["address"] = address
    _play(cases, target.config_path(config), country, json=json)


def _described(url: str, method: str, headers: list[str], body: str) -> dict[str, Any]:
    pairs = []
    for each in headers:
        name, colon, value = each.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"--header {each!r} is no header", "write 'Name: value'")
        pairs.append((name.strip().lower(), value.strip()))
    if not any(name == "user-agent" for name, _ in pairs):
        pairs.append(("user-agent", "starfort-policy-test"))
    return {"method": method.upper(), "url": url, "headers": pairs, "body": _content(body)}


def _content(given: str) -> bytes:
    """What `--body` means."""
    if not given.startswith("@"):
        return given.encode()
    try:
        return Path(given[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"{given[1:]} cannot be read: {error.strerror}") from error


def _signal(given: str) -> tuple[str, float]:
    kind, equals, score = given.partition("=")
    try:
        return kind, float(score) if equals else 1.0
    except ValueError:
        raise UsageError(f"--signal {given!r} is none", "write KIND=SCORE, such as scraping=0.9") from None


def _of_event(event_id: str, config: Path | None, data_dir: Path | None) -> dict[str, Any]:
    """The request of an event, as far as events keep it: no body, no credentials, few headers."""
    with AdminClient(target.find(config, data_dir, "")) as client:
        event = client.get(f"/events/{event_id}")
    headers = [("user-agent", event["user_agent"])] if event["user_agent"] else []
    if event["content_type"]:
        headers.append(("content-type", event["content_type"]))
    request = {
        "method": event["method"],
        "url": f"https://{event['host']}{event['path']}",
        "headers": headers,
        "address": event["address"],
        "response": {"status": event["status"] or 200},
    }
    if event["ja4"]:
        request["ja4"] = event["ja4"]
    return request


def _read(file: Path) -> list[dict[str, Any]]:
    """The cases of a file: a list of `{name, request, signals, expect}`, one of them, or one bare request."""
    from starfort.config import ConfigError
    from starfort.config.yaml_file import read

    try:
        found = read(file).data
    except ConfigError as error:
        raise UsageError(str(error)) from None
    cases = found if isinstance(found, list) else [found]
    if not cases or not all(isinstance(case, dict) for case in cases):
        raise UsageError(
            f"{file} holds no request", "write a mapping with `url`, or a list of `request` and `expect`"
        )
    cases = [case if "request" in case else {"request": case} for case in cases]
    for number, case in enumerate(cases, 1):
        unknown = sorted(set(case) - {"name", "request", "signals", "expect"})
        if unknown or not isinstance(case["request"], dict):
            raise UsageError(
                f"{file}: case {number}: {', '.join(unknown) or 'request'} is not understood",
                "a case has name, request, signals and expect",
            )
    return cases


def _play(cases: list[dict[str, Any]], path: Path, country: str, *, json: bool) -> None:
    from starfort.bundle import encode
    from starfort.cli.check import show_problems
    from starfort.config import ConfigError
    from starfort.runtime import checked as checking

    try:
        with known_rules():
            checked = checking.check(path)
    except ConfigError as error:
        show_problems(error)
        raise FoundError(f"{path} cannot be used") from None
    settings = checked.loaded.config
    if country:
        for case in cases:
            case["request"]["address"] = _address_in(country, settings)
    content = encode(checked.compiled.bundle)
    answers, wrong = [], []
    for number, case in enumerate(cases, 1):
        # An engine each: rate limits of one case do not count for the next.
        explained = _explain(_engine(content, settings), case)
        name = str(case.get("name", f"case {number}"))
        got, expected = _decision(explained), str(case.get("expect") or "")
        if expected and expected not in {got, explained["action"]}:
            wrong.append(f"{name}: expected {expected}, got {got}")
        answers.append({"name": name, "expect": expected, **explained})
        if not json:
            _show(explained, name if len(cases) > 1 else "")
    if json:
        output.print_json(answers if len(answers) > 1 else answers[0])
    if wrong:
        raise FoundError("\n".join(wrong))


def _engine(content: bytes, settings: "Config") -> "Engine":
    from starfort._engine import Engine, EngineError

    geo = settings.geo
    try:
        return Engine(
            content,
            country=geo.country.read_bytes() if geo.country else None,
            asn=geo.asn.read_bytes() if geo.asn else None,
        )
    except (EngineError, OSError) as error:
        raise FoundError(f"the engine refuses what the configuration came to: {error}") from error


def _explain(engine: "Engine", case: dict[str, Any]) -> dict[str, Any]:
    request = case["request"]
    address = str(request.get("address", "127.0.0.1"))
    signals: Any = [
        {"kind": str(kind), "key_type": "address", "key": address, "score": float(score), "ttl_ms": 60_000}
        for kind, score in dict(case.get("signals") or {}).items()
    ]
    try:
        engine.signals(signals)
        return dict(engine.explain(request))
    except (ValueError, TypeError) as error:
        raise UsageError(f"the request is not understood: {error}", "docs/policies.md shows one") from error


def _address_in(country: str, settings: "Config") -> str:
    """An address that the configured database has in a country."""
    if settings.geo.country is None:
        raise UsageError(
            "--country needs geo.country in the configuration", "give an address by --from instead"
        )
    import maxminddb

    with maxminddb.open_database(str(settings.geo.country)) as database:
        for network, record in database:
            known = record.get("country") if isinstance(record, dict) else None
            if isinstance(known, dict) and known.get("iso_code") == country.upper():
                return str(network.network_address)
    raise UsageError(
        f"{settings.geo.country} knows no network in {country.upper()}", "give an ISO 3166 code such as DE"
    )


def _decision(explained: dict[str, Any]) -> str:
    action, policy = explained["action"], explained["policy"]
    return f"{action}:{policy}" if policy else str(action)


def _decided(explained: dict[str, Any]) -> str:
    """What decided, in words."""
    if explained["policy"]:
        return f"{explained['action']} by {explained['policy']}"
    if explained["action"] == "allow":
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


def _show(explained: dict[str, Any], name: str) -> None:
    if name:
        output.heading(name)
    request, client, identity = explained["request"], explained["client"], explained["identity"]
    endpoint = explained["endpoint"]
    where = " ".join(filter(None, [client["country"], client["continent"], client["as_organization"]]))
    known = f"{endpoint['method']} {endpoint['path']}" if endpoint else "none: undocumented"
    output.fields(
        [
            ("decision", output.styled(_decided(explained), "bold")),
            ("upstream", explained["upstream"]),
            ("request", f"{request['method']} {request['host']}{request['path']}"),
            ("api", request["api"] or "none matches"),
            ("endpoint", known),
            (
                "also read as",
                [f"{each['path']} ({each['endpoint'] or 'unknown'})" for each in explained["readings"]],
            ),
            ("labels", endpoint["labels"] if endpoint else []),
            ("client", f"{client['address']} {where}".strip()),
            ("bot", f"{client['bot']} {client['bot_name']}".strip()),
            ("identity", f"{identity['kind']} {identity['subject']} {identity['error']}".strip()),
            ("signals", [f"{each['kind']}={each['score']}" for each in explained["signals"]]),
            ("findings", explained["findings"]),
            ("matched", [_match(each) for each in explained["event"]["evidence"]]),
            ("anomalies", explained["anomalies"]),
            ("sensitive", explained["sensitive_request"] + explained["sensitive_response"]),
            ("also done", explained["done"]),
            ("would do", explained["observed"]),
        ]
    )
    if explained["answer"]:
        answer = explained["answer"]
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
