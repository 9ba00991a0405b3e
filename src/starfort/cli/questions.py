"""What `starfort detectors …` and `starfort checks …` have in common."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from starfort.cli import output
from starfort.cli.errors import UsageError


def subject(given: str) -> dict[str, str]:
    """The part of a request to the API that names a detector or check, or gives the text of its file.

    Args:
        given: a name, or the path of a file that ends with `.sql`.
    """
    path = Path(given)
    if path.suffix != ".sql":
        return {"name": given}
    # The text is sent and not the path: the control plane may be on another machine, or another user's.
    try:
        return {"text": path.read_text(encoding="utf-8"), "file": path.name}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UsageError(f"{path} cannot be read: {reason}") from error


def show_details(fields: list[tuple[str, Any]], found: Mapping[str, Any]) -> None:
    """Print one detector or check: its fields, its settings in force, and its query.

    Args:
        fields: labels and values of what only this kind has, in order.
        found: what the API answered.
    """
    output.fields(fields)
    output.heading("Settings")
    output.table(
        ["setting", "value", "default", "meaning"],
        (
            [each["name"], str(each["value"]), str(each["default"]), each["description"]]
            for each in found["settings"]
        ),
        empty="It has none.",
    )
    if found["sql"]:
        output.heading("Query")
        output.console().print(found["sql"], markup=False, soft_wrap=True)


def show_trial(found: Mapping[str, Any]) -> None:
    """Say that a detector or check ran without a mistake, how long it took, and what was left out."""
    output.say(f"{found['name']} is right; one run took {found['took_ms']:.1f} ms.", "green")
    if found["left_out"]:
        output.say(f"At least {found['left_out']:,} rows more than one run may return were left out.")
