"""What `rules:` of the configuration becomes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from starfort._engine import RuleSet
from starfort.config.problems import ConfigError
from starfort.config.rules import Rules
from starfort.threats.rulesets.crs import install_from
from starfort.threats.rulesets.overlay import compile_rules
from tests.unit.threats.rulesets.support import folder

TOMORROW = (datetime.now(UTC) + timedelta(days=1)).isoformat()
YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).isoformat()


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    """A folder of rule sets with a small CRS."""
    install_from(folder(tmp_path / "in"), tmp_path / "sets")
    return tmp_path / "sets"


def logged(
    sets: Path,
    settings: dict[str, Any],
    endpoint: str = "POST /c/{id}",
    api: str = "shop",
    also: tuple[str, ...] = (),
    **body: str,
) -> set[int]:
    """Ids of what is found in a form post; `also`: endpoints of other readings of its path."""
    text = "&".join(f"{name}={value}" for name, value in body.items()).encode()
    others = {f"starfort_endpoint_{number}": other for number, other in enumerate(also, 2)}
    engine = RuleSet(compile_rules(Rules.model_validate(settings), sets.parent, sets).compiled.data)
    answer = engine.inspect(
        {
            "method": endpoint.partition(" ")[0],
            "uri": "/c/1",
            "protocol": "HTTP/1.1",
            "headers": [
                ("Host", "x"),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Content-Length", str(len(text))),
            ],
            "body": text,
            "remote_addr": "192.0.2.1",
        },
        variables={"tx": {"starfort_api": api, "starfort_endpoint": endpoint} | others},
    )
    return {match["id"] for match in answer["matched"] if match["log"]}


def test_installed_sets_are_used_without_being_named(sets: Path, tmp_path: Path) -> None:
    """And left out when the list is empty; naming one that is not there is an error."""
    made = compile_rules(Rules(), tmp_path, sets)
    assert [(one.name, one.version) for one in made.sets] == [("crs", "9.1.0")]
    assert made.compiled.version == "starfort/1, OWASP_CRS/9.1.0"
    assert compile_rules(Rules(sets=[]), tmp_path, sets).sets == ()
    assert compile_rules(Rules(), tmp_path, tmp_path / "none").sets == ()
    with pytest.raises(ConfigError, match="rule set 'crs' is not installed"):
        compile_rules(Rules(sets=["crs"]), tmp_path, tmp_path / "none")


def test_a_rule_of_the_set_finds(sets: Path) -> None:
    """As it would without the overlay."""
    assert logged(sets, {}, text="an evilword") == {942999}
    assert logged(sets, {}, text="a word") == set()


@pytest.mark.parametrize(
    ("exclusion", "excluded"),
    [
        ({"rule": 942999}, True),
        ({"rule": "942000-942999"}, True),
        ({"rule": "942000-942998"}, False),
        ({"tag": "attack-sqli"}, True),
        ({"tag": "attack-xss"}, False),
        ({"rule": 942999, "api": "shop"}, True),
        ({"rule": 942999, "api": "other"}, False),
        ({"rule": 942999, "endpoint": "POST /c/{id}"}, True),
        ({"rule": 942999, "endpoint": "* /c/{id}"}, True),
        ({"rule": 942999, "endpoint": "GET /c/{id}"}, False),
        ({"rule": 942999, "endpoint": "POST /c"}, False),
        ({"rule": 942999, "parameter": "text"}, True),
        ({"rule": 942999, "parameter": "other"}, False),
        ({"rule": 942999, "parameter": "ARGS:text"}, True),
        ({"tag": "attack-sqli", "parameter": "text"}, True),
        ({"rule": 942999, "expires": TOMORROW}, True),
        ({"rule": 942999, "expires": YESTERDAY}, False),
        (
            {
                "rule": 942999,
                "api": "shop",
                "endpoint": "POST /c/{id}",
                "parameter": "text",
                "expires": TOMORROW,
            },
            True,
        ),
        (
            {
                "rule": 942999,
                "api": "shop",
                "endpoint": "POST /c/{id}",
                "parameter": "text",
                "expires": YESTERDAY,
            },
            False,
        ),
    ],
)
def test_exclusions_are_as_narrow_as_they_say(exclusion: dict[str, Any], excluded: bool, sets: Path) -> None:
    """By rule, tag, API, endpoint, parameter, time."""
    assert (942999 not in logged(sets, {"exclusions": [exclusion]}, text="evilword")) == excluded


def test_a_parameter_may_be_called_like_a_variable(sets: Path) -> None:
    """`user` is a parameter, not the collection USER."""
    assert logged(sets, {"exclusions": [{"rule": 942999, "parameter": "user"}]}, user="evilword") == set()
    assert (
        logged(sets, {"exclusions": [{"rule": 942999, "parameter": "ARGS:user"}]}, user="evilword") == set()
    )


def test_an_excluded_parameter_hides_no_other(sets: Path) -> None:
    """The rule still finds the word elsewhere."""
    exclusions = {"exclusions": [{"rule": 942999, "parameter": "text"}]}
    assert logged(sets, exclusions, text="evilword", more="evilword") == {942999}


def test_virtual_patches(sets: Path) -> None:
    """For one endpoint and parameter, until they expire."""
    patch = {
        "name": "no-files",
        "endpoint": "POST /c/{id}",
        "parameter": "url",
        "pattern": "^[\"']?file:",
        "expires": TOMORROW,
    }
    settings = {"sets": [], "api_rules": False, "patches": [patch]}
    assert 9_538_000 in logged(sets, settings, url="file:%2f%2fx")
    assert 9_538_000 in logged(sets, settings, url="%22file:x")
    assert logged(sets, settings, url="https:x") == set()
    assert logged(sets, settings, other="file:x") == set()
    assert logged(sets, settings, endpoint="POST /d", url="file:x") == set()
    assert logged(sets, {**settings, "patches": [{**patch, "expires": YESTERDAY}]}, url="file:x") == set()


def test_scopes(sets: Path) -> None:
    """Paranoia, thresholds and off, for one API or endpoint."""
    base = {"sets": [], "paranoia": 1}
    assert 9_533_020 not in logged(sets, base, url="http:%2f%2flocalhost%2f")
    assert 9_533_020 in logged(
        sets, {**base, "scopes": [{"api": "shop", "paranoia": 2}]}, url="http:%2f%2flocalhost%2f"
    )
    assert 9_533_020 not in logged(
        sets, {**base, "scopes": [{"api": "other", "paranoia": 2}]}, url="http:%2f%2flocalhost%2f"
    )
    assert 9_530_091 in logged(sets, base, url="gopher:%2f%2fx")
    raised = {**base, "scopes": [{"endpoint": "* /c/{id}", "inbound_threshold": 6}]}
    assert logged(sets, raised, url="gopher:%2f%2fx") == {9_533_010}
    assert (
        logged(sets, {**base, "scopes": [{"endpoint": "POST /c/{id}", "off": True}]}, url="gopher:%2f%2fx")
        == set()
    )


def test_other_readings_of_a_path(sets: Path) -> None:
    """What is stricter at an endpoint holds when any reading of the path is of it; what is laxer when no other is."""
    bad, other = "gopher:%2f%2fx", "POST /d"
    patch = {"name": "p", "endpoint": "POST /c/{id}", "parameter": "url", "pattern": "^gopher:"}
    patched = {"sets": [], "api_rules": False, "patches": [{**patch, "expires": TOMORROW}]}
    lower = {"sets": [], "scopes": [{"endpoint": "POST /c/{id}", "inbound_threshold": 6}]}
    stricter = {"sets": [], "paranoia": 1, "scopes": [{"endpoint": "POST /c/{id}", "paranoia": 2}]}
    off = {"sets": [], "scopes": [{"endpoint": "POST /c/{id}", "off": True}]}
    exclusion = {"endpoint": "POST /c/{id}", "rule": "9533010"}
    excluded = {"sets": [], "exclusions": [{**exclusion, "reason": "test"}]}
    for number in range(1, 4):
        also = (*[f"POST /x{n}" for n in range(1, number)], "POST /c/{id}")
        assert 9_538_000 in logged(sets, patched, other, also=also, url=bad)
        assert 9_533_020 in logged(sets, stricter, other, also=also, url="http:%2f%2flocalhost%2f")
        assert 9_533_010 in logged(sets, off, other, also=also, url=bad)
    assert 9_538_000 not in logged(sets, patched, other, also=("POST /x",), url=bad)
    assert logged(sets, off, url=bad) == set()
    assert 9_533_010 in logged(sets, off, also=(other,), url=bad)
    assert 9_533_010 in logged(sets, off, also=("",), url=bad), "a reading that is of no endpoint"
    assert 9_533_010 not in logged(sets, excluded, url=bad)
    assert 9_533_010 in logged(sets, excluded, also=(other,), url=bad)
    assert 9_530_091 not in logged(sets, lower, url=bad)
    assert 9_530_091 in logged(sets, lower, also=(other,), url=bad)


def test_own_files(sets: Path, tmp_path: Path) -> None:
    """Before and after the sets; problems name the file; a pattern that meets nothing is a problem."""
    (tmp_path / "mine.conf").write_text(
        'SecRule ARGS "@contains apple" "id:5,phase:2,pass,msg:\'apple\'"\nSecRuleRemoveById 942999\n'
    )
    assert logged(sets, {"files": ["m*.conf"]}, text="evilword apple") == {5}
    (tmp_path / "mine.conf").write_text("SecFoo\n")
    with pytest.raises(ConfigError, match=r"mine\.conf:1:1: unknown directive SecFoo"):
        compile_rules(Rules(before=["mine.conf"]), tmp_path, sets)
    with pytest.raises(ConfigError, match="no such rule file"):
        compile_rules(Rules(files=["none/*.conf"]), tmp_path, sets)


@pytest.mark.parametrize(
    "wrong",
    [
        {"exclusions": [{"endpoint": "POST /c"}]},
        {"exclusions": [{"rule": 1, "tag": "x"}]},
        {"exclusions": [{"rule": "1,ctl:ruleEngine=Off"}]},
        {"exclusions": [{"rule": 1, "parameter": "x',ctl:ruleEngine=Off"}]},
        {"exclusions": [{"rule": 1, "parameter": "%{TX.x}"}]},
        {"patches": [{"name": "x", "endpoint": "POST /c", "pattern": "a"}]},
        {"patches": [{"name": "x", "pattern": "a", "expires": TOMORROW}]},
        {"scopes": [{"paranoia": 2}]},
        {"paranoia": 5},
    ],
)
def test_what_the_model_refuses(wrong: dict[str, Any]) -> None:
    """Before any SecLang is made of it."""
    with pytest.raises(ValidationError):
        Rules.model_validate(wrong)


def test_no_value_breaks_out_of_its_rule(sets: Path, tmp_path: Path) -> None:
    """Quotes in paths and patterns stay what they are."""
    rules = Rules.model_validate(
        {
            "exclusions": [{"rule": 1, "endpoint": "GET /a\"b'c,d{x}", "expires": TOMORROW}],
            "patches": [
                {"name": "q", "endpoint": "GET /x", "pattern": "\"',ctl:ruleEngine=Off", "expires": TOMORROW}
            ],
        }
    )
    made = compile_rules(rules, tmp_path, sets).compiled.rules
    patch = next(rule for rule in made if rule.id == 9_538_000)
    assert patch.links[1].operator is not None
    assert patch.links[1].operator.argument == "\"',ctl:ruleEngine=Off"
    exclusion = next(rule for rule in made if rule.id == 9_536_000)
    assert exclusion.links[0].operator is not None
    assert exclusion.links[0].operator.argument == r"""^GET /a"b'c,d\{x\}$"""


def test_what_did_not_change_is_not_compiled_again(sets: Path, tmp_path: Path) -> None:
    """A change of a file, an included one, a new one that a pattern matches, or of the settings is seen."""
    (tmp_path / "main.conf").write_text("Include more/*.conf\n")
    (tmp_path / "more").mkdir()
    (tmp_path / "more/a.conf").write_text('SecAction "id:11,pass"\n')
    rules = Rules(files=["main.conf"])
    first = compile_rules(rules, tmp_path, sets).compiled
    assert compile_rules(rules, tmp_path, sets).compiled is first
    (tmp_path / "more/b.conf").write_text('SecAction "id:12,pass"\n')
    second = compile_rules(rules, tmp_path, sets).compiled
    assert {rule.id for rule in second.rules} - {rule.id for rule in first.rules} == {12}
    (tmp_path / "more/a.conf").write_text('SecAction "id:133,pass"\n')
    third = compile_rules(rules, tmp_path, sets).compiled
    assert 133 in {rule.id for rule in third.rules}
    assert (
        compile_rules(Rules(files=["main.conf"], paranoia=2), tmp_path, sets).compiled.digest != third.digest
    )
    (tmp_path / "more/a.conf").unlink()
    assert 133 not in {rule.id for rule in compile_rules(rules, tmp_path, sets).compiled.rules}
