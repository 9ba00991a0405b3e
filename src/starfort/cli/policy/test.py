"""`starfort policy test`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from starfort.cli import options, output, target
from starfort.cli.cache import known_rules
from starfort.cli.errors import FoundError, UsageError
from starfort.cli.options import Json
from starfort.cli.policy import cases
from starfort.cli.policy.explained import decision, show

if TYPE_CHECKING:
    from starfort._engine import Engine, Explanation, SignalDescription
    from starfort.cli.policy.cases import Case
    from starfort.config import Config

File = Annotated[
    Path | None,
    typer.Argument(
        exists=True, dir_okay=False, help="YAML or JSON with a request, or a list; see docs/policies.md."
    ),
]
Method = Annotated[str, typer.Option("--method", "-X", help="Method.")]
Url = Annotated[str, typer.Option("--url", help="https://HOST/PATH?QUERY.")]
Header = Annotated[
    list[str] | None, typer.Option("--header", "-H", help="'Name: value'; several times for several.")
]
Body = Annotated[str, typer.Option("--body", "-d", help="Body; @FILE reads a file.")]
Address = Annotated[str, typer.Option("--from", help="Address that the request comes from.")]
Country = Annotated[
    str,
    typer.Option(
        help="Come from an address of this country (ISO 3166), as the configured geo.country has it."
    ),
]
Signal = Annotated[list[str] | None, typer.Option(help="KIND=SCORE: this signal is active for the address.")]
ResponseStatus = Annotated[int, typer.Option(min=200, max=599, help="What the upstream answers.")]
ResponseBody = Annotated[str, typer.Option(help="Body of that answer; @FILE reads a file.")]
Event = Annotated[
    str,
    typer.Option(
        help="Take the request of this event (x-request-id) of the running Starfort, without its body."
    ),
]
Expect = Annotated[str, typer.Option(help="ACTION or ACTION:POLICY: end with 1 when it is another.")]


def run(
    file: File = None,
    *,
    method: Method = "GET",
    url_: Url = "",
    header: Header = None,
    body: Body = "",
    address: Address = "",
    country: Country = "",
    signal: Signal = None,
    response_status: ResponseStatus = 200,
    response_body: ResponseBody = "",
    event: Event = "",
    expect: Expect = "",
    config: options.Config = None,
    data_dir: options.DataDir = None,
    json: Json = False,
) -> None:
    """Say which policy of the configuration file decides on a request, and why. Nothing is sent."""
    if sum(map(bool, (file, url_, event))) != 1:
        raise UsageError(
            "describe the request by --url and its options, by a FILE, or by --event",
            "see `starfort policy test --help`",
        )
    if file is not None:
        found = cases.read_cases(file)
    else:
        request = (
            cases.of_event(event, config, data_dir)
            if event
            else cases.described(url_, method, header or [], body)
        )
        if response_body or response_status != 200:  # noqa: PLR2004 (HTTP)
            request["response"] = {"status": response_status, "body": cases.content(response_body)}
        found = [{"request": request, "expect": expect}]
    for case in found:
        case.setdefault("signals", dict(map(cases.signal, signal or [])))
        if address:
            case["request"]["address"] = address
    _play(found, target.config_path(config), country, json=json)


def _play(tried: list["Case"], path: Path, country: str, *, json: bool) -> None:
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
        for case in tried:
            case["request"]["address"] = _address_in(country, settings)
    content = encode(checked.compiled.bundle)
    answers, wrong = [], []
    for number, case in enumerate(tried, 1):
        # An engine each: rate limits of one case do not count for the next.
        explained = _explain(_engine(content, settings), case)
        name = str(case.get("name", f"case {number}"))
        got, expected = decision(explained), str(case.get("expect") or "")
        # An expectation without a policy holds whichever policy decided.
        if expected and expected not in {got, explained["action"]}:
            wrong.append(f"{name}: expected {expected}, got {got}")
        answers.append({"name": name, "expect": expected, **explained})
        if not json:
            show(explained, name if len(tried) > 1 else "")
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


def _explain(engine: "Engine", case: "Case") -> "Explanation":
    request = case["request"]
    address = str(request.get("address", "127.0.0.1"))
    signals: list[SignalDescription] = [
        {"kind": str(kind), "key_type": "address", "key": address, "score": float(score), "ttl_ms": 60_000}
        for kind, score in dict(case.get("signals") or {}).items()
    ]
    try:
        engine.signals(signals)
        return engine.explain(request)
    except (ValueError, TypeError) as error:
        raise UsageError(f"the request is not understood: {error}", "docs/policies.md shows one") from error


def _address_in(country: str, settings: "Config") -> str:
    """An address that the configured database has in a country."""
    if settings.geo.country is None:
        raise UsageError(
            "--country needs geo.country in the configuration", "give an address by --from instead"
        )
    import maxminddb

    # The first network of the country suffices, because conditions see the country and not the network.
    with maxminddb.open_database(str(settings.geo.country)) as database:
        for network, record in database:
            known = record.get("country") if isinstance(record, dict) else None
            if isinstance(known, dict) and known.get("iso_code") == country.upper():
                return str(network.network_address)
    raise UsageError(
        f"{settings.geo.country} knows no network in {country.upper()}", "give an ISO 3166 code such as DE"
    )
