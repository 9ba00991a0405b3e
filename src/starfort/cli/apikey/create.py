"""`starfort apikey create`."""

import hashlib
import secrets
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from starfort.cli import output
from starfort.cli.errors import UsageError
from starfort.cli.options import Json

PREFIX: Final = "sfk_"
"""Lets secret scanners recognise a leaked key."""


def create(
    *,
    subject: Annotated[str, typer.Option(help="Who gets the key; policies see it as identity.subject.")],
    scope: Annotated[
        list[str] | None, typer.Option(help="What the key may do; repeat the option for several scopes.")
    ] = None,
    expires: Annotated[str, typer.Option(help="When it ends: 90d, or a date such as 2027-01-31.")] = "",
    json: Json = False,
) -> None:
    """Make an API key for a caller of your APIs: the key, and its hash for the configuration."""
    if not 1 <= len(subject) <= 256:  # noqa: PLR2004 (the configuration's own limit)
        raise UsageError("--subject is 1 to 256 characters")
    # 256 random bits, so a plain hash suffices: nobody can try them all, as with passwords.
    key = PREFIX + secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    entry: dict[str, str | list[str]] = {"subject": subject, "sha256": digest}
    if scope:
        entry["scopes"] = list(scope)
    if expires:
        entry["expires"] = _expiry(expires).isoformat(timespec="seconds")
    if json:
        output.print_json({"key": key, "entry": entry})
        return
    output.say("The key, shown this once:")
    output.console().print(key, markup=False)
    output.say("\nAdd to identity.api_keys.keys in starfort.yaml, or to its keys_file:")
    output.console().print(_yaml(entry), end="", markup=False)


def _expiry(text: str) -> datetime:
    from starfort.base.units import parse_duration

    now = datetime.now(UTC)
    # No text is both a duration and a date, so trying one after the other is not ambiguous.
    try:
        moment = now + parse_duration(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            raise UsageError(f"--expires {text!r} is no time", "write 90d, or 2027-01-31") from None
        # A time without a zone is UTC, so that the machine's own zone does not matter.
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError:
        raise UsageError(f"--expires {text!r} is too far") from None
    if moment <= now:
        raise UsageError(f"--expires {text!r} has passed")
    return moment


def _yaml(entry: dict[str, str | list[str]]) -> str:
    """The entry as an item of a YAML list."""
    from io import StringIO

    from ruamel.yaml import YAML

    written = StringIO()
    writer = YAML()
    # Wide enough that a hash is never broken over two lines.
    writer.width = 4096
    writer.dump([entry], written)
    return written.getvalue()
