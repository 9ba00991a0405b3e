"""Packing of addresses."""

import ipaddress
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starfort.compile import addresses


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        ("192.0.2.77/24", "::ffff:192.0.2.0", "::ffff:192.0.2.255"),
        ("0.0.0.0/0", "::ffff:0.0.0.0", "::ffff:255.255.255.255"),
        ("2001:db8::/127", "2001:db8::", "2001:db8::1"),
        ("::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.1"),
    ],
)
def test_addresses_are_packed_as_ipv6(text: str, first: str, last: str) -> None:
    """IPv4 is mapped; bits beyond the prefix are ignored."""
    packed = ipaddress.IPv6Address(first).packed + ipaddress.IPv6Address(last).packed
    assert addresses.pack(text) == packed


@pytest.mark.parametrize(
    "text",
    ["", "x", "1.2.3", "1.2.3.4.5", "01.2.3.4", "1.2.3.4/", "1.2.3.4/33", "1.2.3.4/-1", "::/129", "1.2.3.4/²",
     "1.2.3.4/8/8", "fe80::1%eth0", "1.2.3.4 5", "1.2.3.4\x00", "::1/" + "9" * 5000],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    """It is an error, never another address."""
    with pytest.raises(ValueError, match=r"no address|prefix length"):
        addresses.pack(text)


def small(bits: int, width: int) -> st.SearchStrategy[tuple[int, int]]:
    """Addresses close to each other, so that ranges overlap and touch, and prefix lengths."""
    return st.tuples(st.integers(0, 2**bits - 1), st.integers(width - bits, width))


NETWORKS = st.lists(
    st.one_of(
        small(5, 32).map(lambda pair: ipaddress.ip_network((0xC0000200 + pair[0], pair[1]), strict=False)),
        small(5, 128).map(lambda pair: ipaddress.ip_network((2**128 - 32 + pair[0], pair[1]), strict=False)),
    ),
    max_size=12,
)


def slowly(networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bytes:
    """Every address one by one."""
    numbers = set()
    for network in networks:
        for address in network:
            mapped = f"::ffff:{address}" if address.version == 4 else str(address)
            numbers.add(int(ipaddress.IPv6Address(mapped)))
    ranges = b""
    for number in sorted(numbers):
        if number - 1 not in numbers:
            ranges += number.to_bytes(16)
        if number + 1 not in numbers:
            ranges += number.to_bytes(16)
    return ranges


@given(NETWORKS)
def test_merging_agrees_with_the_slow_way(
    networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network],
) -> None:
    """The ranges hold exactly the addresses of the networks, and are as few as can be."""
    assert addresses.merge(addresses.pack(str(network)) for network in networks) == slowly(networks)


def test_split_is_the_reverse_of_joining() -> None:
    """Ranges come apart as they were."""
    ranges = [addresses.pack("192.0.2.0/24"), addresses.pack("2001:db8::1")]
    assert addresses.split(addresses.merge(ranges)) == sorted(ranges)


def test_files_say_which_line_is_wrong(tmp_path: Path) -> None:
    """Comments and empty lines are no addresses; lines and columns count from 1."""
    file = tmp_path / "list.txt"
    file.write_text("# office\n192.0.2.1 # door\n\n  nowhere\r\n2001:db8::/129\n", encoding="utf-8")
    found = addresses.read_file(file)
    assert found.ranges == addresses.pack("192.0.2.1")
    assert found.count == 1
    assert [(line, column) for line, column, _ in found.problems] == [(4, 3), (5, 1)]
    assert "'nowhere' is no address" in found.problems[0][2]


def test_a_file_of_another_kind_is_told_briefly(tmp_path: Path) -> None:
    """Not a problem a line."""
    file = tmp_path / "list.txt"
    file.write_text("x\n" * 5000, encoding="utf-8")
    assert len(addresses.read_file(file).problems) == addresses.MAX_PROBLEMS + 1
    file.write_bytes(b"\xff\xfe")
    assert addresses.read_file(file).problems == ((0, 0, "is not UTF-8"),)
    assert "cannot be read" in addresses.read_file(tmp_path / "none").problems[0][2]


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    """Although what did not change is remembered."""
    file = tmp_path / "list.txt"
    file.write_text("192.0.2.1\n", encoding="utf-8")
    before = addresses.read_file(file)
    assert addresses.read_file(file) is before
    other = tmp_path / "other"
    other.write_text("192.0.2.9\n", encoding="utf-8")
    os.utime(other, ns=(1, 1))
    other.replace(file)
    assert addresses.read_file(file).ranges == addresses.pack("192.0.2.9")


def test_a_list_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many addresses are an error, not a slow start."""
    monkeypatch.setattr(addresses, "MAX_ADDRESSES", 3)
    file = tmp_path / "list.txt"
    file.write_text("".join(f"192.0.2.{n}\n" for n in range(4)), encoding="utf-8")
    assert addresses.read_file(file).problems == ((0, 0, "has 4 addresses, a list has at most 3"),)
