"""Contracts with paths from the root."""

import pytest

from starfort.contracts import Contract, Operation, Parameter, SecurityScheme, Server
from starfort.contracts.changes import compare
from starfort.contracts.mounted import fitted, mounted, named_like

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


def test_what_only_documents_say_is_no_change_of_traffic() -> None:
    """Names of schemes, operation ids, deprecation and the parameter of a key are the document's."""
    document = Contract(
        "shop",
        (Operation("GET", "/a/{id}", security=({"key": ()},), deprecated=True, operation_id="readA"),),
        schemes={"key": SecurityScheme("apiKey", "header", "X-API-Key")},
    )
    seen = Contract(
        "shop",
        (
            Operation(
                "GET", "/a/{aId}", (Parameter("x-api-key", "header"),),
                security=({"api_key_x-api-key": ()},), operation_id="156d40f1f03ba3e9",
            ),
        ),
        schemes={"api_key_x-api-key": SecurityScheme("apiKey", "header", "x-api-key")},
    )  # fmt: skip
    assert compare(document, seen)
    assert not compare(document, named_like(seen, document))


def test_other_credentials_of_traffic_stay_a_change() -> None:
    """A key in another place is another scheme."""
    document = Contract(
        "shop",
        (Operation("GET", "/a", security=({"key": ()},)),),
        schemes={"key": SecurityScheme("apiKey", "header", "X-API-Key")},
    )
    seen = Contract(
        "shop",
        (Operation("GET", "/a", security=({"api_key_k": ()},)),),
        schemes={"api_key_k": SecurityScheme("apiKey", "query", "k")},
    )
    codes = {one.code for one in compare(document, named_like(seen, document))}
    assert {"api-security-removed", "api-security-added"} <= codes
