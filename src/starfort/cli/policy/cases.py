"""The requests that `starfort policy test` tries: from options, a file of cases, or a stored event."""

from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from starfort.cli import target
from starfort.cli.admin_client import AdminClient
from starfort.cli.errors import UsageError

if TYPE_CHECKING:
    from starfort._engine import RequestDescription


class Case(TypedDict):
    """One request, and what is expected of it."""

    name: NotRequired[str]
    """What a failure calls it; default: its number."""
    request: "RequestDescription"
    """As the engine takes it; the engine says what is wrong with it."""
    signals: NotRequired[dict[str, float]]
    """Scores of signals that are active for the address, by kind."""
    expect: NotRequired[str]
    """`ACTION` or `ACTION:POLICY`; when it is empty or missing, any decision is accepted."""


def described(url: str, method: str, headers: list[str], body: str) -> "RequestDescription":
    """The request that the options describe.

    Raises:
        UsageError: a header is none, or the body's file cannot be read.
    """
    pairs = []
    for each in headers:
        name, colon, value = each.partition(":")
        if not colon or not name.strip():
            raise UsageError(f"--header {each!r} is no header", "write 'Name: value'")
        # Lower case, as Envoy gives names to the filter: HTTP/2 allows nothing else (RFC 9113, 8.2.1).
        pairs.append((name.strip().lower(), value.strip()))
    if not any(name == "user-agent" for name, _ in pairs):
        pairs.append(("user-agent", "starfort-policy-test"))
    return {"method": method.upper(), "url": url, "headers": pairs, "body": content(body)}


def content(given: str) -> bytes:
    """The body that an option gives: its text, or after `@` the content of a file."""
    if not given.startswith("@"):
        return given.encode()
    try:
        return Path(given[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"{given[1:]} cannot be read: {error.strerror}") from error


def signal(given: str) -> tuple[str, float]:
    """Kind and score that `KIND=SCORE` says; a kind alone has the highest score."""
    kind, equals, score = given.partition("=")
    try:
        return kind, float(score) if equals else 1.0
    except ValueError:
        raise UsageError(f"--signal {given!r} is none", "write KIND=SCORE, such as scraping=0.9") from None


def of_event(event_id: str, config: Path | None, data_dir: Path | None) -> "RequestDescription":
    """The request of an event. Events keep no body, no credentials and few headers, so it lacks these."""
    with AdminClient(target.find(config, data_dir, "")) as client:
        event = client.get(f"/events/{event_id}")
    headers = [("user-agent", event["user_agent"])] if event["user_agent"] else []
    if event["content_type"]:
        headers.append(("content-type", event["content_type"]))
    # Status 0 says that the caller went away before there was an answer.
    request: RequestDescription = {
        "method": event["method"],
        "url": f"https://{event['host']}{event['path']}",
        "headers": headers,
        "address": event["address"],
        "response": {"status": event["status"] or 200},
    }
    if event["ja4"]:
        request["ja4"] = event["ja4"]
    return request


def read_cases(file: Path) -> list[Case]:
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
