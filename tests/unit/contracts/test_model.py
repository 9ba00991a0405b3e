"""The parts of a contract."""

import dataclasses
import pickle

import pytest

from starfort.contracts import Contract, Operation, Parameter, Response


def contract() -> Contract:
    """A contract with one operation."""
    order = Operation(
        "GET",
        "/orders/{id}",
        parameters=(Parameter("id", "path", required=True, schema={"type": "integer"}, style="simple"),),
        responses=(Response("200"),),
    )
    return Contract("shop", operations=(order,), definitions={"Order": {"type": "object"}})


def test_a_contract_cannot_be_changed() -> None:
    """A contract that several parts share stays what it is."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        contract().api = "other"  # type: ignore[misc]


def test_equal_contracts_are_equal() -> None:
    """Two contracts with the same parts are equal, so that a change can be noticed."""
    assert contract() == contract()
    assert contract() != dataclasses.replace(contract(), api="other")


def test_a_contract_survives_another_process() -> None:
    """A contract can be handed to another process and comes back equal."""
    assert pickle.loads(pickle.dumps(contract())) == contract()  # noqa: S301
