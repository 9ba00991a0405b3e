"""The order of APIs."""

from pathlib import Path

import pytest

from starfort import _engine
from starfort.bundle import encode
from tests.unit.compile.support import at, compiled, problems


def apis(*entries: str) -> str:
    """APIs by `name hosts base-paths`."""
    lines = []
    for entry in entries:
        name, hosts, bases = entry.split(" ")
        lines.append(f"  - {{name: {name}, hosts: [{hosts}], base_paths: [{bases}], upstream: shop}}\n")
    return "apis:\n" + "".join(lines)


@pytest.mark.parametrize(
    ("entries", "wanted"),
    [
        (("a '*' /", "b '*' /v1", "c '*' /v1/users"), ["c", "b", "a"]),
        (("a '*' /v1", "b x.example /"), ["b", "a"]),
        (("a '*.example' /", "b '*.shop.example' /", "c x.shop.example /"), ["c", "b", "a"]),
        (("a '*' /a", "b '*' /b", "c '*' /ab"), ["a", "b", "c"]),
        (("a x.example /", "b y.example /v1", "c '*' /v1"), ["a", "b", "c"]),
        (("a X.Example /", "b x.example /v1"), ["b", "a"]),
    ],
)
def test_the_narrower_api_comes_first(tmp_path: Path, entries: tuple[str, ...], wanted: list[str]) -> None:
    """The host decides before the base path; what does not overlap keeps its order."""
    assert [api.name for api in compiled(tmp_path, "", apis=apis(*entries)).bundle.apis] == wanted


def test_the_engine_takes_the_narrowest(tmp_path: Path) -> None:
    """And indexes of policies follow the new order."""
    rest = "policies: [{name: p, apis: [all], action: block, mode: enforce}]\n"
    entries = ("all '*' /", "shop shop.example /", "v2 shop.example /v2", "sub '*.shop.example' /")
    engine = _engine.Engine(encode(compiled(tmp_path, rest, apis=apis(*entries)).bundle))

    def api(url: str) -> tuple[str, str]:
        found = engine.explain({"url": url})
        return found["request"]["api"], found["policy"]

    assert api("http://shop.example/v2/x") == ("v2", "")
    assert api("http://SHOP.example/v22") == ("shop", "")
    assert api("http://a.shop.example/v2") == ("sub", "")
    assert api("http://other.example/v2") == ("all", "p")


def test_apis_that_cross_are_a_problem(tmp_path: Path) -> None:
    """There is no order in which the first match is the narrowest."""
    (problem,) = problems(tmp_path, "", apis=apis("a '*' /v1,/v2/x", "b '*' /v2,/v1/x"))
    assert "a and b overlap" in problem.what
    assert problem.fix
    assert at(problem)
