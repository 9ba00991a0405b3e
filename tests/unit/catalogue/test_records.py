"""The catalogue in the state database."""

from __future__ import annotations

from pathlib import Path

from starfort.catalogue.records import Memory, Records
from starfort.state.database import open_state


def test_a_merged_id_follows_the_endpoint_it_leads_to(tmp_path: Path) -> None:
    """When what an id was merged into is itself merged, the id leads to the newest endpoint after a restart too."""
    records = Records(open_state(tmp_path / "state.db"))
    records.save(Memory({}, {}, {"a": "b", "gone": "b"}, None), (), ())
    records.save(Memory({}, {}, {"a": "c", "b": "c"}, None), (), ())
    assert records.load().merged == {"a": "c", "b": "c"}
