"""Loading a configuration."""

import re
from pathlib import Path

import pytest

from starfort.config import Config, ConfigError, load

HEAD = """\
version: 1
listeners: [{name: public, address: 127.0.0.1:8080}]
upstreams: [{name: shop, addresses: [127.0.0.1:9001]}]
apis: [{name: shop, upstream: shop}]
"""


def loaded(folder: Path, rest: str) -> Config:
    """The configuration that ends so."""
    file = folder / "starfort.yaml"
    file.write_text(HEAD + rest, encoding="utf-8")
    return load(file).config


def test_paths_count_from_the_files_folder(tmp_path: Path) -> None:
    """Wherever it is loaded from; absolute ones stay."""
    (tmp_path / "list.txt").touch()
    config = loaded(tmp_path, "data_dir: var\nlists: [{name: a, file: list.txt}]\n")
    assert config.data_dir == tmp_path / "var"
    assert config.lists[0].file == tmp_path / "list.txt"


def test_only_paths_become_absolute(tmp_path: Path) -> None:
    """A header may be called `key`, and so is the key of a limit."""
    config = loaded(tmp_path, "responses: [{name: a, status: 200, headers: {key: x, file: y}}]\n")
    assert config.responses[0].headers == {"key": "x", "file": "y"}
    with pytest.raises(ConfigError, match=r"client\.address") as error:
        loaded(tmp_path, "policies: [{name: a, action: {limit: {rate: 1/s, key: client.address}}}]\n")
    assert str(tmp_path / "client.address") not in str(error.value)


def test_explicit_tags_are_understood(tmp_path: Path) -> None:
    """`!!str` makes a text of what looks like a number."""
    assert loaded(tmp_path, "node: !!str 7\n").node == "7"


def test_half_a_surrogate_pair_is_a_problem(tmp_path: Path) -> None:
    """It could not be written to the bundle."""
    with pytest.raises(ConfigError, match="surrogate"):
        loaded(tmp_path, 'responses: [{name: a, status: 200, body: "\\ud800"}]\n')


def test_what_rules_name_exists(tmp_path: Path) -> None:
    """A misspelt API would silently exclude nothing; a patch's name is its own."""
    patch = "{name: p, api: shop, pattern: x, expires: 2099-01-01}"
    assert loaded(
        tmp_path, f"rules: {{patches: [{patch}], exclusions: [{{rule: 942100, api: shop}}]}}\n"
    ).rules.patches
    with pytest.raises(ConfigError) as error:
        loaded(
            tmp_path,
            f"rules:\n  patches: [{patch}, {patch}]\n  scopes: [{{api: shpo, paranoia: 2}}]\n"
            "  exclusions: [{rule: 942100, api: other}]\n",
        )
    assert [(problem.line, problem.what) for problem in error.value.problems] == [
        (6, "'p' is already the name of another (line=6)"),
        (7, "there is no API 'shpo'"),
        (8, "there is no API 'other'"),
    ]


@pytest.mark.parametrize(
    "section", ["admin: {tls: TLS}", "listeners: [{name: a, address: 127.0.0.1:1, tls: TLS}]"]
)
def test_required_certificates_need_an_authority(tmp_path: Path, section: str) -> None:
    """Whoever asks for certificates of clients says who vouches for them, for listeners and the dashboard."""
    tls = "{certificate: c.pem, key: k.pem, client_certificate: required}"
    file = tmp_path / "starfort.yaml"
    kept = [line for line in HEAD.splitlines() if line.partition(":")[0] != section.partition(":")[0]]
    file.write_text("\n".join([*kept, section.replace("TLS", tls)]), encoding="utf-8")
    with pytest.raises(ConfigError, match="client_certificate: required needs client_ca"):
        load(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("health: {lag: 0s}", r"health\.lag: input should be greater than 0s"),
        ("retention: {events: 0s}", r"retention\.events: input should be greater than or equal to 1s"),
        ("retention: {rollups: 500ms}", r"retention\.rollups: input should be greater than or equal to 1s"),
    ],
)
def test_durations_out_of_bounds(tmp_path: Path, text: str, said: str) -> None:
    """What a start would refuse is refused, and told as durations are written."""
    with pytest.raises(ConfigError, match=said):
        loaded(tmp_path, text + "\n")


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (
            "contract: {remove: documented}",
            r":24: apis\.0\.contract\.remove: this is a list of names and paths",
        ),
        (
            "contract: {remove: [cost, a b]}",
            r":31: apis\.0\.contract\.remove\.1: .*\n +hint: .*items/\*/cost",
        ),
        ("versions: {paths: [/a]}", r"apis\.0\.versions\.paths\.0: .*\n +hint: .*/\{tenant\}/\{version\}"),
        ("segments: {words: [a/*]}", r"apis\.0\.segments\.words\.0: .*\n +hint: .*/boards/\*/cards/\*"),
        ("segments: {words: [/a/*], values: [/a/*]}", r"apis\.0\.segments: /a/\* is in words and in values"),
        (
            "openapi: {git: 'https://g.example/a', path: x, url: 'https://u.example'}",
            r"another form of 'openapi'",
        ),
        ("openapi: {url: 'https://u.example', interval: 1s}", r":51: apis\.0\.openapi\.interval: "),
        ("openapi: {url: 'https://u.example', pth: x}", r"hint: did you mean 'path'\?"),
    ],
)
def test_settings_of_an_api_name_place_and_fix(tmp_path: Path, setting: str, said: str) -> None:
    """The place is that of the value within its form, and the fix is in words and no expression."""
    api = f"apis:\n  - name: a\n    upstream: shop\n    {setting}\n"
    kept = [line for line in HEAD.splitlines() if not line.startswith("apis")]
    file = tmp_path / "starfort.yaml"
    file.write_text("\n".join([*kept, api]), encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert re.search(said, str(caught.value)), str(caught.value)
