"""`starfort discover` reads, counts, and says what is missing."""

import json
from pathlib import Path

import pytest

from tests.support.sources import NGINX
from tests.unit.cli.conftest import Run

CONFIG = """
version: 1
listeners: [{name: main, address: 127.0.0.1:18080}]
upstreams: [{name: shop, addresses: [127.0.0.1:18081]}]
apis:
  - {name: shop, hosts: [shop.example], upstream: shop}
  - {name: bank, hosts: [bank.example], upstream: shop}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A log of three calls and one line that is none, beside a configuration with two APIs."""
    (tmp_path / "starfort.yaml").write_text(CONFIG)
    path = tmp_path / "access.log"
    path.write_text(NGINX * 3 + NGINX.replace("GET /v1/orders/7?page=1 HTTP/1.1", "\\x16\\x03\x1b[31m"))
    return path


def test_a_dry_run_counts_and_changes_nothing(run: Run, log: Path, tmp_path: Path) -> None:
    """A dry run says what is in the files and to which API it belongs, and makes no data directory."""
    found = run("discover", "--dry-run", "--json", "--api", "bank", str(log))
    said = json.loads(found.out)
    assert found.code == 0, found.err
    assert (said["calls"], said["failed"], said["apis"]) == (3, 1, {"bank": 3})
    assert said["failures"][0].startswith(f"{log}: line 4: ")
    assert said["unseen"]["request_headers"] == 3
    assert not (tmp_path / "var").exists()


def test_calls_without_a_host_are_shown_with_what_to_do(run: Run, log: Path) -> None:
    """With several APIs a log without hosts belongs to none: the output says so, and no line steers the terminal."""
    found = run("discover", "--dry-run", str(log))
    assert "(no host) (3)" in found.err
    assert "--api" in found.err
    assert "nothing is said of credentials" in found.err
    assert "\x1b[31m" not in found.err + found.out
    assert json.loads(run("discover", "--dry-run", "--json", "--host", "shop.example", str(log)).out)[
        "apis"
    ] == {"shop": 3}


def test_what_makes_no_sense_is_refused(run: Run, log: Path) -> None:
    """An unknown API, a file that is not there and a format without fields end with the code for wrong usage."""
    assert run("discover", "--dry-run", "--api", "other", str(log)).code == 2
    assert run("discover", "--dry-run", "nowhere.log").code == 2
    assert run("discover", "--dry-run", "--log-format", "nothing", str(log)).code == 2
    log.write_text("no log at all\n")
    assert run("discover", "--dry-run", str(log)).code == 1
