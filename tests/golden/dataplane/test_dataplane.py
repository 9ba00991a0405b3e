"""Configuration in, Envoy's resources out: a changed golden file is a change of what Envoy is told.

`pytest tests/golden --update-golden` writes the files anew.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest
import yaml

from starfort import config
from starfort.compile import dataplane_files
from starfort.compile.dataplane import to_dataplane
from starfort.dataplane.envoy.resources import render
from tests.support.envoy_bench import Authority

HERE = Path(__file__).parent
CASES = sorted(path.stem for path in (HERE / "in").glob("*.yaml"))
FOLDER = "/etc/starfort"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every configuration and the files that they name."""
    made = tmp_path_factory.mktemp("golden")
    authority = Authority(made)
    authority.server()
    authority.issue("client")
    (made / "jwks.json").write_text('{"keys": [{"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}]}')
    for case in CASES:
        shutil.copy(HERE / "in" / f"{case}.yaml", made)
    return made


@pytest.mark.parametrize("case", CASES)
def test_resources_are_as_recorded(
    case: str, folder: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Envoy's resources of a configuration are those of its golden file, but for what the machine decides."""
    monkeypatch.setattr(dataplane_files, "system_authorities", lambda: folder / "ca.crt")
    dataplane = to_dataplane(config.load(folder / f"{case}.yaml"))
    limits = dataclasses.replace(dataplane.limits, connections=10_000, per_address=5_000, heap_bytes=1 << 30)
    made = render(dataclasses.replace(dataplane, limits=limits))
    files = {name: value["resources"] for name, value in made.files.items()}
    plain = json.loads(json.dumps({"bootstrap": made.bootstrap, **files}))
    text = yaml.safe_dump(plain, width=1000)
    text = text.replace(str(folder), FOLDER)
    golden = HERE / "out" / f"{case}.yaml"
    if request.config.getoption("--update-golden"):
        golden.write_text(text)
    assert text == golden.read_text()


def test_there_is_no_golden_file_without_a_case(request: pytest.FixtureRequest) -> None:
    """Files whose case is gone are removed by `--update-golden` and are an error without it."""
    orphans = [path for path in (HERE / "out").iterdir() if path.stem not in CASES]
    if request.config.getoption("--update-golden"):
        for path in orphans:
            path.unlink()
        orphans = []
    assert orphans == []


def test_the_same_data_plane_gives_the_same_bytes(folder: Path) -> None:
    """Rendering twice gives the same versions; another certificate in the same file gives another one."""
    loaded = config.load(folder / "tls.yaml")
    first, second = render(to_dataplane(loaded)), render(to_dataplane(loaded))
    assert json.dumps(first.files) == json.dumps(second.files)
    Authority(folder, "other").server()
    third = render(to_dataplane(loaded))
    changed = [name for name in first.files if first.files[name] != third.files[name]]
    assert changed == [
        "secrets/listener-public-key-pair.json", "secrets/listener-partners-key-pair.json"
    ]  # fmt: skip
