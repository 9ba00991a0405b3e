"""A MaxMind database of the demo's addresses, so that the demo needs no download and no licence key.

Documentation and benchmark ranges (RFC 5737, RFC 2544) are given countries and networks.
"""

from __future__ import annotations

import ipaddress
from pathlib import Path

from mmdb_writer import MMDBWriter
from netaddr import IPSet

NETWORKS = {
    "203.0.113.0/24": ("US", "NA", 64496, "Home Cable"),
    "192.0.2.0/24": ("DE", "EU", 64497, "Stadtnetz"),
    "198.51.100.0/24": ("SG", "AS", 64498, "Straits Hosting"),
    "198.18.0.0/16": ("NL", "EU", 64499, "Cheap Servers"),
    "198.19.0.0/16": ("BR", "SA", 64500, "Residencial Proxy"),
}
"""Country, continent, AS number and organisation of each range. The AS numbers are reserved for documentation (RFC 5398)."""


def write(folder: Path) -> tuple[Path, Path]:
    """Write `country.mmdb` and `asn.mmdb` into `folder`; returns their paths."""
    country = MMDBWriter(
        6, "GeoLite2-Country", languages=["en"], description="Starfort demo", ipv4_compatible=True
    )
    asn = MMDBWriter(6, "GeoLite2-ASN", languages=["en"], description="Starfort demo", ipv4_compatible=True)
    for network, (code, continent, number, organisation) in NETWORKS.items():
        ipaddress.ip_network(network)
        country.insert_network(
            IPSet([network]), {"country": {"iso_code": code}, "continent": {"code": continent}}
        )
        asn.insert_network(
            IPSet([network]),
            {"autonomous_system_number": number, "autonomous_system_organization": organisation},
        )
    paths = folder / "country.mmdb", folder / "asn.mmdb"
    for writer, path in zip((country, asn), paths, strict=True):
        writer.to_db_file(str(path))
    return paths
