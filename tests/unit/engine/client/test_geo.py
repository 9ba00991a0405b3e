"""Networks are found whatever width the database's writer gave its numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from starfort import _engine
from tests.support.filter_bench import write_bundle


@pytest.mark.parametrize("width", ["u16", "u32", "u64", "auto"])
def test_the_network_is_read_from_numbers_of_any_width(tmp_path: Path, width: Any) -> None:
    """AS numbers of 16, 32 and 64 bits are the same AS number."""
    writer = MMDBWriter(6, "GeoLite2-ASN", languages=["en"], ipv4_compatible=True, int_type=width)
    writer.insert_network(IPSet(["192.0.2.0/24"]), {"autonomous_system_number": 64500})
    writer.to_db_file(str(tmp_path / "asn.mmdb"))
    write_bundle(tmp_path / "bundle.sfb", "v1", [])
    engine = _engine.Engine((tmp_path / "bundle.sfb").read_bytes(), asn=(tmp_path / "asn.mmdb").read_bytes())
    assert engine.explain({"url": "/", "address": "192.0.2.9"})["client"]["asn"] == 64500
    assert engine.explain({"url": "/", "address": "198.51.100.9"})["client"]["asn"] == 0
