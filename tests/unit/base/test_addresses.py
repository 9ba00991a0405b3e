"""`host:port` in configuration, and the `Host` header."""

import pytest

from starfort.base.addresses import SocketAddress, host_of, is_ip, parse_address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:9443", "127.0.0.1", 9443),
        ("[::1]:0", "::1", 0),
        ("[2001:DB8::1]:65535", "2001:DB8::1", 65535),
        ("[::ffff:192.0.2.1]:80", "::ffff:192.0.2.1", 80),
        ("api_1.internal-net.test:443", "api_1.internal-net.test", 443),
    ],
)
def test_an_address_is_split_and_put_together(text: str, host: str, port: int) -> None:
    """Host and port are found, brackets go, and the address reads as before when it is written again."""
    address = parse_address(text)
    assert address == SocketAddress(host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "9443", "127.0.0.1", "127.0.0.1:", ":9443", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[::1]",
        "[::1]80", "[:::]:80", "[127.0.0.1]:80", "[host]:80", "a b:80", "host:٣", "host:80\n", "http://host:80",
    ],
)  # fmt: skip
def test_anything_else_is_refused(text: str) -> None:
    """What is no address is refused with an example of one."""
    with pytest.raises(ValueError, match=r"write host:port, such as 127\.0\.0\.1:8080 or \[::1\]:8080"):
        parse_address(text)


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("Shop.Test:8443", "shop.test"),
        ("shop.test.", "shop.test"),
        ("shop.test:", "shop.test"),
        ("[::1]:80", "::1"),
        ("[::1]", "::1"),
        ("192.0.2.1", "192.0.2.1"),
        ("[host]:80", None),
        ("[::1", None),
        ("shop.test:port", None),
        ("shop test", None),
        ("", None),
    ],
)
def test_the_host_of_a_header(header: str, host: str | None) -> None:
    """The host stands without port, brackets and last dot; what is no host gives none."""
    assert host_of(header) == host


def test_names_are_no_ip_addresses() -> None:
    """Only IPv4 and IPv6 addresses are IP addresses."""
    assert [is_ip(host) for host in ("192.0.2.1", "::1", "localhost", "[::1]")] == [True, True, False, False]
