"""`starfort detectors test`."""

from starfort.cli import output
from starfort.cli.admin_client import AdminClient
from starfort.cli.detectors.backtest import Detector, show_hits
from starfort.cli.options import Json, online
from starfort.cli.questions import show_trial, subject


@online
def run(client: AdminClient, detector: Detector, *, json: Json = False) -> None:
    """Check a detector and run it once, now, over the events that are stored. Raises no signal."""
    found = client.post("/detectors/test", subject(detector))
    if json:
        output.print_json(found)
        return
    show_trial(found)
    show_hits(found["hits"], "It signals nothing now.")
