"""Addresses that documents are fetched from."""

import pytest

from starfort.contracts.sources.addresses import checked, is_allowed
from starfort.contracts.sources.kept import FetchError


@pytest.mark.parametrize(
    ("address", "networks", "allowed"),
    [
        ("93.184.216.34", [], True), ("2606:2800:220:1::1", [], True),
        ("127.0.0.1", [], False), ("::1", [], False), ("10.1.2.3", [], False), ("192.168.0.1", [], False),
        ("169.254.169.254", [], False), ("fe80::1", [], False), ("fd00::1", [], False), ("0.0.0.0", [], False),
        ("224.0.0.1", [], False), ("100.64.0.1", [], False), ("::ffff:127.0.0.1", [], False),
        ("::ffff:93.184.216.34", [], True), ("64:ff9b::7f00:1", [], False), ("64:ff9b::5db8:d822", [], True),
        ("10.1.2.3", ["10.0.0.0/8"], True), ("::ffff:10.1.2.3", ["10.0.0.0/8"], True), ("11.0.0.1", ["10.0.0.0/8"], True),
        ("169.254.169.254", ["10.0.0.0/8"], False), ("fd00::1", ["fd00::/8"], True),
    ],
)  # fmt: skip
def test_only_public_addresses_are_used(address: str, networks: list[str], allowed: bool) -> None:
    """And those that are named, in whatever form an address is written."""
    assert is_allowed(address, networks) is allowed


def test_a_host_without_a_right_address_is_told() -> None:
    """With what to write when it is right."""
    with pytest.raises(FetchError, match=r"networks: \[127\.0\.0\.1\]"):
        checked("127.0.0.1", 443, [])
    with pytest.raises(FetchError, match="has no address"):
        checked("nothing.invalid", 443, [])
    assert checked("127.0.0.1", 443, ["127.0.0.0/8"]) == ["127.0.0.1"]
