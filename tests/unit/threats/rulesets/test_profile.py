"""The profile `api`: every entry lets its ordinary requests pass and its attacks be found, and is needed."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from starfort._engine import RuleSet
from starfort.config.rules import Rules
from starfort.threats.rulesets import profile as profiles
from starfort.threats.rulesets.crs import install_from
from starfort.threats.rulesets.installed import installed
from starfort.threats.rulesets.overlay import ConfiguredRules, compile_rules
from starfort.threats.rulesets.profile import Decoding, Exclusion, load_profile
from tests.crs.suite import CORPUS
from tests.unit.threats.cases import request, variables

API = load_profile("api")
CHANGES: list[Decoding | Exclusion] = [*API.decodings, *API.exclusions]
ORDINARY = YAML(typ="safe").load(Path(__file__).parents[1] / "rules" / "ordinary.yaml")
THRESHOLD = (949110, 9530091)
SETS = Path(os.environ.get("STARFORT_RULESETS", ""))
crs = pytest.mark.skipif(
    not CORPUS.exists() and "crs" not in installed(SETS), reason=f"no CRS at {CORPUS} or {SETS}"
)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with CRS, the newest that there is."""
    if not CORPUS.exists():
        return SETS
    folder = tmp_path_factory.mktemp("rulesets")
    install_from(CORPUS, folder)
    return folder


@functools.cache
def _configured(folder: Path, profile: str) -> ConfiguredRules:
    return compile_rules(Rules.model_validate({"profile": profile}), folder, folder)


@functools.cache
def _engine(folder: Path, profile: str) -> RuleSet:
    return RuleSet(_configured(folder, profile).compiled.data)


def refused(engine: RuleSet, case: Any) -> str:
    """What speaks against a request whose score reaches the threshold; "" where it does not."""
    answer = engine.inspect(request(case), variables=variables(case))
    if answer["interruption"] is None:
        return ""
    return "; ".join(
        f"{match['id']} {match['logdata'] or match['msg']}"
        for match in answer["matched"]
        if match["log"] and match["id"] not in THRESHOLD
    )


def examples(kind: str) -> list[Any]:
    """Every example of the profile's entries."""
    return [
        pytest.param(case, id=f"{'-'.join(change.rules[:2])}-{number}")
        for change in CHANGES
        for number, case in enumerate(getattr(change, kind))
    ]


@crs
@pytest.mark.parametrize("case", examples("ordinary"))
def test_ordinary_requests_pass(case: Any, sets: Path) -> None:
    """What an entry is there for."""
    assert refused(_engine(sets, "api"), case) == ""


@crs
@pytest.mark.parametrize("case", examples("attacks"))
def test_attacks_are_still_found(case: Any, sets: Path) -> None:
    """In the same place, by what is left or stands in."""
    assert refused(_engine(sets, "api"), case)


@crs
@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(change.rules[:2]))
def test_every_entry_is_needed(change: Decoding | Exclusion, sets: Path) -> None:
    """Without the profile CRS refuses at least one of the ordinary requests, or counts it towards a refusal."""
    engine = _engine(sets, "web")
    found: set[int] = set()
    for case in change.ordinary:
        answer = engine.inspect(request(case), variables=variables(case))
        found |= {match["id"] for match in answer["matched"]}
    assert any(profiles.within(rule, ids) for rule in found for ids in change.rules)


@crs
@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{kind}-{at}")
        for kind, cases in ORDINARY.items()
        for at, case in enumerate(cases)
    ],
)
def test_what_apis_ordinarily_get_passes(case: Any, sets: Path) -> None:
    """Methods, media types, headers, cookies, names, filters, addresses, languages, uploads."""
    assert refused(_engine(sets, "api"), case) == ""


@crs
def test_web_is_crs_as_it_comes(sets: Path) -> None:
    """Neither settings nor rules differ from a configuration in which nothing is said of CRS."""
    web = _engine(sets, "web")
    assert refused(web, {"method": "PUT", "path": "/v1/users/7", "json": {"a": 1}})
    ids = {rule.id for rule in _configured(sets, "web").compiled.rules}
    assert not any(
        9_530_200 <= number < 9_530_300 or 9_530_400 <= number < 9_530_500 or 9_535_010 <= number < 9_535_100
        for number in ids
    )


def test_entries_say_why() -> None:
    """Reason and examples of both kinds; what stands in is a rule of ours."""
    own = {rule.id for rule in compile_rules(Rules(sets=[]), Path()).compiled.rules}
    for setting in API.settings:
        assert setting.reason
        assert setting.rules
    for change in CHANGES:
        assert change.reason
        assert change.ordinary
        assert change.attacks
        assert set(getattr(change, "instead", ())) <= own
    web = load_profile("web")
    assert [*web.settings, *web.decodings, *web.exclusions] == []


def test_documented_media_types_are_known() -> None:
    """A type that a document names is none that is told."""
    case = {"path": "/", "type": "application/vnd.acme.thing", "body": "x"}
    for types, told in (((), True), (("application/vnd.acme.thing",), False)):
        made = compile_rules(Rules(sets=[]), Path(), media_types=types)
        answer = RuleSet(made.compiled.data).inspect(request(case))
        assert (9_530_200 in {match["id"] for match in answer["matched"]}) == told
        assert answer["interruption"] is None


def test_an_entry_ends_with_the_version_that_mends_it() -> None:
    """From `until` on nothing is written for it."""
    entry = Exclusion(rules=["942999"], reason="r", until="4.30.0", ordinary=[], attacks=[])
    profile = profiles.Profile(about="x", exclusions=[entry])
    assert list(profiles.updates_of(profile, "4.29.1")) == ["SecRuleRemoveById 942999"]
    assert list(profiles.updates_of(profile, "4.30.0")) == []


NAMES = [
    "O'Brien.pdf",
    "R&D (final).pdf",
    "a;b.txt",
    "report (1) [draft] #2 - 50% off!.docx",
    "C:\\fakepath\\x.png",
    "отчёт за май; v2 (итог).xlsx",
    "請求書 5月.pdf",
    "select from menu.pdf",
    "union and select committee.docx",
    "$100 + 20.log",
    "config.json (1)",
    "version (2).docx",
    "sleep (1).wav",
    "alert (1).png",
    "Exec(3).pdf",
    "cat & dog.png",
    "curl; wget | rm.md",
    "rm -rf explained.pdf",
    "Bob; DROP your expectations.mp3",
    "Rock & Roll - Guns N' Roses - Sweet Child O' Mine.mp3",
    "Who's Afraid of 'X' or Y? -- notes.txt",
    "email <ann@example.com> re: order.eml",
    "javascript: the good parts.pdf",
    "${project.name}-1.0.jar",
    "photos/2024/img 1.jpg",
    "a=b&c=d.txt",
    "Order_2024%2F11.pdf",
    "index.php; old.txt",
    "invoice #123 -- paid.pdf",
]
"""Names that people and programs give files."""

ATTACKS_IN_NAMES = [
    "; rm -rf /",
    "a.jpg;id;",
    "`id`.jpg",
    "$(id).png",
    "a.png|cat /etc/passwd",
    "||ping -c 10 127.0.0.1||.png",
    "<img src=x onerror=alert(1)>",
    "'><svg onload=alert(1)>.png",
    "1' or '1'='1",
    "x' union select password from users -- .txt",
    "';waitfor delay '0:0:5'--.pdf",
    "../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "x.php%00.png",
    "x.asp;.jpg",
    "shell.php::$DATA",
    "{{7*7}}.png",
    "${jndi:ldap://e.example/a}.txt",
    "%{(#_='multipart/form-data').(#p=new java.lang.ProcessBuilder(#cmd)).(#p.start())}",
]
"""Attacks on what stores, shows or converts a file under its name."""


def _upload(name: str) -> dict[str, str]:
    escaped = name.replace("\\", "\\\\") if ":" not in name[:2] else name
    disposition = f'Content-Disposition: form-data; name="file"; filename="{escaped}"'
    body = f"--b1\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\nabc\r\n--b1--\r\n"
    return {"type": "multipart/form-data; boundary=b1", "body": body}


@crs
@pytest.mark.parametrize("name", NAMES)
def test_names_of_uploads_pass(name: str, sets: Path) -> None:
    """Words, quotes, brackets, signs and any script are ordinary in the name of a file."""
    assert refused(_engine(sets, "api"), _upload(name)) == ""


@crs
@pytest.mark.parametrize("name", ATTACKS_IN_NAMES)
def test_attacks_in_names_of_uploads_are_found(name: str, sets: Path) -> None:
    """What would break out of a path, a command, a page or a query where the name is put."""
    assert refused(_engine(sets, "api"), _upload(name))
