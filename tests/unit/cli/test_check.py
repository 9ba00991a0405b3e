"""`starfort check`."""

from __future__ import annotations

import gc
import json
from datetime import UTC, datetime
from pathlib import Path

from starfort.catalogue import Endpoint
from starfort.catalogue.book import Book
from starfort.catalogue.limits import CatalogueLimits
from starfort.catalogue.records import Records
from starfort.state.database import open_state
from tests.unit.cli.conftest import Run

WRONG = """version: 1
listeners:
  - {name: public, address: 127.0.0.1:8080}
upstreams:
  - {name: shop, addresses: [127.0.0.1:9001]}
apis:
  - name: shop
    upstream: shpo
"""


def test_places_carets_and_fixes(run: Run) -> None:
    """Each problem has its place, its line with a caret under it, and the fix; it ends with 1."""
    Path("starfort.yaml").write_text(WRONG)
    result = run("check")
    assert result.code == 1
    assert result.out.splitlines() == [
        "starfort.yaml:8:15: there is no upstream 'shpo'",
        "    8 |     upstream: shpo",
        "      |               ^",
        "  fix: did you mean 'shop'?",
    ]
    assert "1 problem in starfort.yaml" in result.err


def test_policies_are_compiled(run: Run) -> None:
    """A condition with a wrong name is told with its column, and every policy's problem at once."""
    text = WRONG.replace("shpo", "shop") + (
        "policies:\n"
        "  - {name: a, when: 'client.countr == \"DE\"', action: block}\n"
        "  - {name: b, when: signals.no_such_kind.active, action: block}\n"
    )
    Path("starfort.yaml").write_text(text)
    problems = json.loads(run("check", "--json").out)["problems"]
    assert [(each["line"]) for each in problems] == [10, 11]
    assert "countr" in problems[0]["what"]
    assert problems[0]["column"] == 22


def test_detectors_are_checked(run: Run) -> None:
    """Unknown detectors and settings, patterns without files, and detector files with mistakes are told."""
    Path("own.sql").write_text("SELECT 1")
    text = WRONG.replace("shpo", "shop") + (
        "detectors:\n  disabled: [scrapping]\n  files: [none/*.sql, own.sql]\n  settings: {scraping: {min_pathes: 3}}\n"
    )
    Path("starfort.yaml").write_text(text)
    assert "own.sql:1:" in run("check").out
    Path("own.sql").unlink()
    text = text.replace(", own.sql", "")
    Path("starfort.yaml").write_text(text)
    result = run("check")
    assert "starfort.yaml:10:14: there is no detector 'scrapping'" in result.out
    assert "did you mean 'scraping'?" in result.out
    assert "none/*.sql matches no file" in result.out
    assert "min_pathes" in result.out
    assert "3 problems" in result.err


def test_file_as_argument_and_missing_file(run: Run) -> None:
    """The file may be an argument; one that is not there is a sentence."""
    Path("other.yaml").write_text(WRONG.replace("shpo", "shop"))
    assert run("check", "other.yaml").code == 0
    assert json.loads(run("check", "other.yaml", "--json").out) == {
        "ok": True,
        "problems": [],
        "warnings": [],
    }
    missing = run("check", "none.yaml")
    assert missing.code == 1
    assert "cannot be read" in missing.out


def test_secret_of_elsewhere(run: Run) -> None:
    """A secret that is not in this environment is said and is no mistake of the file."""
    text = (
        WRONG.replace("shpo", "shop")
        + "alerts: [{webhook: {url: https://h.example/, secret_env: NO_SUCH}}]\n"
    )
    Path("starfort.yaml").write_text(text)
    result = run("check")
    assert result.code == 0
    assert "NO_SUCH" in result.err


def test_control_characters_steer_no_terminal(run: Run) -> None:
    """A line of the file with an escape sequence is shown without its effect."""
    Path("starfort.yaml").write_bytes(WRONG.replace("shpo", '"sh\\x1bpo"').encode() + b"# \xc2\x9b31m\n")
    assert "\x1b" not in run("check").out


def test_warnings_are_shown_and_count_only_where_asked(run: Run) -> None:
    """A label that nothing has: shown with place and fix, exit code 0, with `--strict` 1; in JSON too."""
    when = "'\"logn\" in endpoint.labels'"
    text = WRONG.replace("shpo", "shop") + f"policies: [{{name: a, when: {when}, action: block}}]\n"
    Path("starfort.yaml").write_text(text)
    result = run("check")
    assert result.code == 0
    assert "no API and no endpoint has the label 'logn'" in result.out
    assert "fix: give one `labels: [logn]`" in result.out
    assert "1 warning" in result.err
    strict = run("check", "--strict")
    assert (strict.code, strict.out) == (1, result.out)
    told = json.loads(run("check", "--json").out)
    (warning,) = told["warnings"]
    assert (told["ok"], told["problems"], warning["line"] > 1) == (True, [], True)
    assert run("check", "--strict", "--json").code == 1
    Path("starfort.yaml").write_text(WRONG.replace("shpo", "shop"))
    assert run("check", "--strict").code == 0


def test_what_a_catalogue_has_seen_is_used(run: Run) -> None:
    """Calls of a Starfort that ran here, stopped or not, say which endpoints there are; nothing is written."""
    policy = "policies: [{name: a, endpoints: [POST /logn], action: block}]\n"
    Path("starfort.yaml").write_text(WRONG.replace("shpo", "shop") + policy)
    assert run("check", "--strict").code == 0
    folder = Path("var")
    folder.mkdir()
    engine = open_state(folder / "state.db")
    book = Book("shop", CatalogueLimits())
    login = Endpoint("1", "shop", "", "POST", "/login", "learned", calls=3, first_seen=datetime.now(UTC))
    book._put(login)
    Records(engine).save([book], None)
    result = run("check")
    assert "no call of POST /logn was ever seen" in result.out
    assert "did you mean 'POST /login'?" in result.out
    engine.dispose()
    (folder / "state.db").write_bytes(b"no database")
    assert run("check", "--strict").code == 0
    assert [path.name for path in folder.iterdir()] == ["state.db"]


def test_garbage_is_collected_as_before_afterwards(run: Run) -> None:
    """A check that ends, right or wrong, leaves the process's collector as it was."""
    assert gc.isenabled()
    run("init")
    assert run("check").code == 0
    Path("starfort.yaml").write_text("{")
    assert run("check").code == 1
    assert gc.isenabled()
