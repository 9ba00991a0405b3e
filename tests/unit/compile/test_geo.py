"""MaxMind databases."""

from pathlib import Path

import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from starfort.config import ConfigError
from tests.support.corpora import corpus, needs_corpus
from tests.unit.compile.support import compiled, problems


def database(path: Path, kind: str) -> None:
    """A database of that kind."""
    writer = MMDBWriter(6, kind, ipv4_compatible=True)
    writer.insert_network(IPSet(["1.1.1.0/24"]), {"country": {"iso_code": "AU"}})
    writer.to_db_file(str(path))


def refused(folder: Path, databases: list[bytes]) -> int:
    """How many of them are problems of the configuration. Any other error ends the test."""
    count = 0
    for content in databases:
        (folder / "country.mmdb").write_bytes(content)
        try:
            compiled(folder, "geo: {country: country.mmdb}\n")
        except ConfigError:
            count += 1
    return count


@pytest.mark.parametrize("kind", ["GeoLite2-Country", "GeoIP2-City", "DBIP-Country-Lite"])
def test_country_databases_are_taken(tmp_path: Path, kind: str) -> None:
    """Of MaxMind and of others; the path is absolute."""
    database(tmp_path / "country.mmdb", kind)
    made = compiled(tmp_path, "geo: {country: country.mmdb}\n")
    assert made.bundle.geo.country_path == str(tmp_path / "country.mmdb")
    assert made.bundle.geo.asn_path is None
    assert tmp_path / "country.mmdb" in made.files


def test_databases_of_another_kind_are_a_problem(tmp_path: Path) -> None:
    """Swapped by mistake, they would leave every field empty."""
    database(tmp_path / "asn.mmdb", "GeoLite2-ASN")
    database(tmp_path / "country.mmdb", "GeoLite2-Country")
    found = problems(tmp_path, "geo: {country: asn.mmdb, asn: country.mmdb}\n")
    assert ["GeoLite2-ASN" in one.what for one in found] == [True, False]
    assert ["GeoLite2-Country" in one.what for one in found] == [False, True]


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100])
def test_what_is_no_database_is_a_problem(tmp_path: Path, content: bytes) -> None:
    """At the place in the configuration that names it."""
    (tmp_path / "country.mmdb").write_bytes(content)
    (problem,) = problems(tmp_path, "geo:\n  country: country.mmdb\n")
    assert "is broken" in problem.what
    assert problem.file.name == "starfort.yaml"
    assert problem.line > 1


def test_a_database_that_was_cut_off_is_a_problem(tmp_path: Path) -> None:
    """Metadata is at the end: what is left of the file does not open."""
    path = tmp_path / "country.mmdb"
    database(path, "GeoLite2-Country")
    path.write_bytes(path.read_bytes()[:-40])
    (problem,) = problems(tmp_path, "geo: {country: country.mmdb}\n")
    assert "is broken" in problem.what


def test_a_damaged_database_never_crashes(tmp_path: Path) -> None:
    """Wherever a byte is wrong, the database is taken or is a problem, nothing else."""
    path = tmp_path / "country.mmdb"
    database(path, "GeoLite2-Country")
    sound = path.read_bytes()
    damaged = [
        sound[:at] + bytes([sound[at] ^ 0xFF]) + sound[at + 1 :]
        for at in range(0, len(sound), max(1, len(sound) // 50))
    ]
    assert refused(tmp_path, damaged) > 0


@needs_corpus("geo")
def test_broken_databases_in_the_wild_never_crash(tmp_path: Path) -> None:
    """Each of the broken databases that people collected is taken or is a problem, nothing else."""
    broken = sorted(corpus("geo").glob("bad-data/**/*.mmdb"))
    assert len(broken) > 5
    assert refused(tmp_path, [file.read_bytes() for file in broken]) > 0


@needs_corpus("geo")
def test_databases_in_the_wild_are_taken(tmp_path: Path) -> None:
    """MaxMind's own test databases are taken."""
    geo = corpus("geo")
    for country in ("GeoLite2-Country-Test", "GeoIP2-City-Test"):
        rest = f"geo: {{country: {geo / country}.mmdb, asn: {geo}/GeoLite2-ASN-Test.mmdb}}\n"
        assert compiled(tmp_path, rest).bundle.geo.asn_path
