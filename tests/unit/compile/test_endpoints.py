"""Endpoints: where they come from and what they inherit."""

from pathlib import Path

import pytest

from starfort import _engine
from starfort.bundle import LearnedEndpoint, encode, endpoint_id
from starfort.compile import endpoints
from tests.unit.compile.support import at, compiled, problems

DOCUMENT = """\
openapi: 3.1.0
paths:
  /users/{id}: {get: {}, post: {}}
  /login: {post: {}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a document."""
    (tmp_path / "api.yaml").write_text(DOCUMENT, encoding="utf-8")
    return tmp_path


def api(more: str = "", *, name: str = "shop") -> str:
    """An API with the document."""
    return f"  - {{name: {name}, hosts: [{name}.example], upstream: shop, openapi: api.yaml{more}}}\n"


def found(
    folder: Path, apis: str, rest: str = "", learned: tuple[LearnedEndpoint, ...] = ()
) -> dict[str, tuple[object, ...]]:
    """Labels, whether documented, and source by `METHOD /path`."""
    made = compiled(folder, rest, apis=f"apis:\n{apis}", learned=learned)
    return {f"{one.method} {one.path}": (one.labels, one.documented, one.source) for one in made.endpoints}


def test_configured_endpoints_add_to_documented_ones(folder: Path) -> None:
    """Names of parameters do not matter; the document's count."""
    more = ", labels: [public], endpoints: [{match: 'POST /users/{x}', labels: [signup]}, {match: 'PUT /new', labels: [a]}]"
    assert found(folder, api(more)) == {
        "GET /users/{id}": (("public",), True, "openapi"),
        "POST /users/{id}": (("public", "signup"), True, "openapi"),
        "POST /login": (("public",), True, "openapi"),
        "PUT /new": (("public", "a"), False, "config"),
    }


def test_every_method_means_the_known_ones_too(folder: Path) -> None:
    """`* /path` labels what the document has, and whatever else is called there."""
    assert found(folder, api(", endpoints: [{match: '* /users/{x}', labels: [people]}]")) == {
        "GET /users/{id}": (("people",), True, "openapi"),
        "POST /users/{id}": (("people",), True, "openapi"),
        "POST /login": ((), True, "openapi"),
        "* /users/{x}": (("people",), False, "config"),
    }


def test_a_narrower_endpoint_is_the_documented_one_too(folder: Path) -> None:
    """It would otherwise make calls undocumented that the document describes."""
    more = ", endpoints: [{match: 'POST /users/{x}', labels: [signup], login: {}}, {match: POST /users/me, labels: [own]}]"
    assert found(folder, api(more))["POST /users/me"] == (("own", "signup"), True, "config")
    made = compiled(folder, "", apis=f"apis:\n{api(more)}")
    own = next(one for one in made.bundle.endpoints if one.path == "/users/me")
    assert (own.username_field, own.password_field) == ("username", "password")


def test_documented_endpoints_win_over_learned_ones(folder: Path) -> None:
    """A learned one that is covered is left out, with others their labels come in."""
    learned = (
        LearnedEndpoint("shop", "GET", "/users/{user}", ("busy",)),
        LearnedEndpoint("shop", "GET", "/users/7"),
        LearnedEndpoint("shop", "GET", "/v2/users/{id}", ("new",)),
        LearnedEndpoint("gone", "GET", "/x"),
        LearnedEndpoint("shop", "GET", "x"),
    )
    assert found(folder, api(), learned=learned) == {
        "GET /users/{id}": (("busy",), True, "openapi"),
        "POST /users/{id}": ((), True, "openapi"),
        "POST /login": ((), True, "openapi"),
        "GET /v2/users/{id}": (("new",), False, "learned"),
    }


def test_login_fields_reach_the_engine(folder: Path) -> None:
    """Nested names too."""
    more = ", endpoints: [{match: POST /login, login: {username: user.name, password: pw}}]"
    made = compiled(folder, "", apis=f"apis:\n{api(more)}")
    login = next(one for one in made.bundle.endpoints if one.path == "/login")
    assert (login.username_field, login.password_field) == ("user.name", "pw")
    assert login.id == endpoint_id("shop", "POST", "/login")


@pytest.mark.parametrize(
    ("bases", "servers", "paths"),
    [
        ("[/]", "", {"/users/{id}", "/login"}),
        ("[/]", "servers: [{url: 'https://x.example/v1'}]", {"/v1/users/{id}", "/v1/login"}),
        ("[/shop/]", "servers: [{url: 'https://x.example/v1'}]", {"/shop/users/{id}", "/shop/login"}),
        ("[/a, /b]", "", {"/a/users/{id}", "/a/login", "/b/users/{id}", "/b/login"}),
        ("[/login, /users]", "", {"/users/{id}", "/login"}),
    ],
)
def test_documents_are_mounted_at_base_paths(
    tmp_path: Path, bases: str, servers: str, paths: set[str]
) -> None:
    """Server paths count where the API has no base path of its own."""
    (tmp_path / "api.yaml").write_text(f"{servers}\n{DOCUMENT}", encoding="utf-8")
    made = compiled(tmp_path, "", apis=f"apis:\n{api(f', base_paths: {bases}')}")
    assert {one.path for one in made.endpoints} == paths


def test_policies_find_endpoints_however_they_are_known(folder: Path) -> None:
    """Documented, configured, learned, and those that nobody knows yet."""
    rest = (
        "policies:\n"
        "  - {name: a, endpoints: ['GET /users/{x}', POST /none], action: block}\n"
        "  - {name: b, endpoints: ['* /users/{x}'], action: block}\n"
        "  - {name: c, endpoints: [GET /learned], action: block}\n"
        "  - {name: d, endpoints: ['PATCH /users/{x}'], action: block}\n"
        "  - {name: e, action: block}\n"
    )
    made = compiled(
        folder, rest, apis=f"apis:\n{api()}", learned=(LearnedEndpoint("shop", "GET", "/learned"),)
    )
    names = [f"{one.method} {one.path}" for one in made.endpoints]

    def of(number: int) -> set[str]:
        return {names[index] for index in made.bundle.policies[number].endpoints or ()}

    assert of(0) == {"GET /users/{id}", "POST /none"}
    assert of(1) == {"GET /users/{id}", "POST /users/{id}", "* /users/{x}", "PATCH /users/{x}"}
    assert of(2) == {"GET /learned"}
    assert of(3) == {"PATCH /users/{x}"}
    assert made.bundle.policies[4].endpoints is None


def test_policies_work_on_endpoints_of_every_api_they_are_for(tmp_path: Path) -> None:
    """Without `apis` all of them; never those that another API's base path rules out."""
    apis = (
        "apis: [{name: one, hosts: [one.example], upstream: shop}, {name: two, hosts: [two.example], upstream: shop},"
        " {name: three, hosts: [three.example], base_paths: [/v1], upstream: shop}]\n"
    )
    rest = (
        "policies:\n"
        "  - {name: a, endpoints: [POST /ofx], action: block, mode: enforce}\n"
        "  - {name: b, apis: [two], endpoints: [POST /b], action: {block: {status: 404}}, mode: enforce}\n"
    )
    engine = _engine.Engine(encode(compiled(tmp_path, rest, apis=apis).bundle))

    def action(url: str) -> str:
        return engine.explain({"method": "POST", "url": url})["policy"]

    assert [action(f"http://{host}.example/ofx") for host in ("one", "two", "three")] == ["a", "a", ""]
    assert [action(f"http://{host}.example/b") for host in ("one", "two", "three")] == ["", "b", ""]


def test_an_endpoint_that_no_api_has_is_a_problem(tmp_path: Path) -> None:
    """The policy would never do anything."""
    apis = "apis: [{name: shop, base_paths: [/v1], upstream: shop}]\n"
    (problem,) = problems(tmp_path, "policies: [{name: a, endpoints: [GET /x], action: block}]\n", apis=apis)
    assert "no API of this policy has the path of 'GET /x'" in problem.what
    assert "base path" in problem.fix
    assert at(problem).startswith("GET /x]")


def test_there_is_a_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents over it are a problem; what is learned stops at it."""
    monkeypatch.setattr(endpoints, "MAX_ENDPOINTS", 4)
    learned = tuple(LearnedEndpoint("shop", "GET", f"/x/{n}") for n in range(9))
    assert len(found(folder, api(), learned=learned)) == 4
    monkeypatch.setattr(endpoints, "MAX_ENDPOINTS", 2)
    (problem,) = problems(folder, "", apis=f"apis:\n{api()}")
    assert "at most 2" in problem.what
