"""`starfort reload`."""

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.answers import ReloadResult
from starfort.cli.errors import FoundError
from starfort.cli.options import Json, online


@online
def reload(client: AdminClient, *, json: Json = False) -> None:
    """Read the configuration again. One with mistakes changes nothing, and each mistake is shown."""
    # A refused configuration is an answer with `ok` false and not an HTTP error, so it comes back here.
    result: ReloadResult = client.post("/reload")
    if json:
        output.print_json(result)
    elif result["ok"]:
        output.say(f"Bundle {result['bundle']} is in force after {result['took_ms']:.0f} ms.")
        for warning in result["warnings"]:
            output.say(f"Has no effect: {warning}", "yellow")
    # A filter may refuse what the control plane accepted: it goes on with the bundle that it has.
    if result["refused_by"]:
        output.say("Refused by " + "; ".join(result["refused_by"]), "yellow")
    if result.get("unanswered"):
        output.say("Not answered yet, and asked again: " + "; ".join(result["unanswered"]), "yellow")
    if not result["ok"]:
        raise FoundError(
            "the configuration is refused, the one before it stays in force:\n"
            + "\n".join(result["problems"]),
            "correct it; `starfort check` shows each place",
        )
