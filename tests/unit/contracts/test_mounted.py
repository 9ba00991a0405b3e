"""Contracts with paths from the root."""

import pytest

from starfort.contracts import Contract, Operation, Server
from starfort.contracts.mounted import fitted, mounted

TWO = (Operation("GET", "/a"), Operation("GET", "/b", servers=(Server("/x"),)))


@pytest.mark.parametrize(
    ("servers", "bases", "paths"),
    [
        ((), (), ["/a", "/x/b"]),
        ((Server("https://a.example/v1"), Server("/v2")), (), ["/v1/a", "/v2/a", "/x/b"]),
        ((Server("/v1"),), ("/shop",), ["/shop/a", "/shop/b"]),
        ((Server("/v1"),), ("/",), ["/v1/a", "/x/b"]),
        ((), ("/a", "/b"), ["/a", "/b"]),
    ],
)
def test_paths_are_from_the_root(
    servers: tuple[Server, ...], bases: tuple[str, ...], paths: list[str]
) -> None:
    """By the API's base paths, unless all begin with one already; else by the servers."""
    found = mounted(Contract("shop", TWO, servers=servers), bases)
    assert [one.path for one in found.operations] == paths


def test_the_way_that_fits_is_taken() -> None:
    """Names of parameters do not count."""
    document = Contract("shop", (Operation("GET", "/a/{id}"),), servers=(Server("/v1"),))
    seen = Contract("shop", (Operation("GET", "/v1/a/{aId}"),))
    assert [one.path for one in fitted(document, seen).operations] == ["/v1/a/{id}"]
    assert [one.path for one in fitted(document, document).operations] == ["/a/{id}"]
