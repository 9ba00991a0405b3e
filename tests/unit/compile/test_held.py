"""How calls are held to contracts: sources, settings, and the endpoints that operations describe."""

from __future__ import annotations

from pathlib import Path

import pytest

from starfort.bundle import ApiContract, LearnedEndpoint, Mode
from starfort.bundle.contract import ContractPlace, ContractSettings
from starfort.compile import contracts
from starfort.config import ConfigError
from starfort.contracts.model import Body, Contract, Media, Operation
from tests.unit.compile.support import compiled

LEARNED = {
    "shop": Contract("shop", (Operation("GET", "/pets/{pet}"), Operation("POST", "/pets")), source="learned")
}
ENDPOINTS = (LearnedEndpoint("shop", "GET", "/pets/{id}"), LearnedEndpoint("shop", "POST", "/pets"))


def _made(folder: Path, contract: str, endpoints: str = "[]", rest: str = "") -> tuple[ApiContract, ...]:
    apis = f"apis:\n  - {{name: shop, upstream: shop, contract: {contract}, endpoints: {endpoints}}}\n"
    return compiled(folder, rest, apis=apis, learned=ENDPOINTS, contracts=LEARNED).bundle.contracts


def test_learned_operations_find_their_endpoints(tmp_path: Path) -> None:
    """By shape: the names of parameters are the contract's own."""
    (made,) = _made(tmp_path, "{source: learned, mode: enforce}")
    assert made.api == 0
    assert [one.places for one in made.operations] == [
        (ContractPlace(0, "/pets/{pet}", 0),), (ContractPlace(1, "/pets", 0),),
    ]  # fmt: skip
    assert made.settings == (
        ContractSettings(Mode.ENFORCE, Mode.OBSERVE, deny_unknown=True, deny_unknown_fields=False),
    )


def test_endpoints_have_settings_of_their_own(tmp_path: Path) -> None:
    """What is not given is the API's, and one method's settings count before those of `*`."""
    endpoints = (
        "[{match: 'GET /pets/{x}', contract: {mode: observe, unknown: allow, remove: undocumented}},"
        " {match: '* /pets/{x}', contract: {mode: 'off'}}, {match: 'POST /pets', contract: {responses: enforce}}]"
    )
    (made,) = _made(
        tmp_path,
        "{source: learned, mode: enforce, unknown: deny, responses: off, remove: [ssn, ssn]}",
        endpoints,
    )
    default, one, other = made.settings
    assert default == ContractSettings(Mode.ENFORCE, None, True, True, ("ssn",))
    assert one == ContractSettings(Mode.OBSERVE, None, False, False, remove_undocumented=True)
    assert other == ContractSettings(Mode.ENFORCE, Mode.ENFORCE, True, True, ("ssn",))
    by_path = {place.path: place.settings for held in made.operations for place in held.places}
    assert by_path == {"/pets/{pet}": 1, "/pets": 2}


def test_a_configured_endpoint_is_held_to_the_operation_that_covers_it(tmp_path: Path) -> None:
    """`GET /pets/mine` is a call of the operation `GET /pets/{pet}` when only that one is in the contract."""
    document = tmp_path / "shop.yaml"
    document.write_text("openapi: 3.1.0\ninfo: {title: t, version: '1'}\npaths: {'/pets/{pet}': {get: {}}}\n")
    api = "{name: shop, upstream: shop, openapi: shop.yaml, contract: {source: both}, endpoints: [{match: GET /pets/mine}]}"
    made = compiled(tmp_path, "", apis=f"apis: [{api}]\n", contracts=LEARNED).bundle
    places = [place for held in made.contracts[0].operations for place in held.places]
    paths = {made.endpoints[place.endpoint].path: place.path for place in places}
    assert paths == {"/pets/{pet}": "/pets/{pet}", "/pets/mine": "/pets/{pet}"}


def test_what_checks_nothing_is_left_out(tmp_path: Path) -> None:
    """Nothing learned yet is no contract of which everything is refused."""
    assert _made(tmp_path, "{source: learned, mode: off, responses: off}") == ()
    off = "{source: learned, mode: off, responses: off"
    assert len(_made(tmp_path, f"{off}, remove: [ssn]}}")) == 1
    assert len(_made(tmp_path, f"{off}}}", "[{match: POST /pets, contract: {mode: observe}}]")) == 1
    apis = "apis: [{name: shop, upstream: shop, contract: {source: learned, mode: enforce}}]\n"
    assert compiled(tmp_path, "", apis=apis).bundle.contracts == ()
    nothing = {"shop": Contract("shop", source="learned")}
    assert compiled(tmp_path, "", apis=apis, contracts=nothing).bundle.contracts == ()


def test_a_contract_that_is_too_large_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said at its API, with the way to do without."""
    monkeypatch.setattr(contracts, "MAX_SCHEMA_BYTES", 10)
    schema = {"type": "object", "properties": {"name": {"type": "string"}}}
    operation = Operation("POST", "/x", body=Body(True, (Media("a/b", schema),)))
    apis = "apis: [{name: shop, upstream: shop, contract: {source: learned}}]\n"
    with pytest.raises(ConfigError) as error:
        compiled(tmp_path, "", apis=apis, contracts={"shop": Contract("shop", (operation,))})
    (problem,) = error.value.problems
    assert "the contract of 'shop' has schemas" in problem.what
    assert "switches its contract off" in problem.fix
