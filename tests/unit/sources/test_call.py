"""Calls, and the pieces of them that formats share."""

import pytest

from starfort.sources.call import (
    MAX_BODY_BYTES,
    NO_ADDRESS,
    Call,
    address_of,
    peeled,
    protocol_of,
    recorded,
    split_request,
    split_url,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1:443", "192.0.2.1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        (" 192.0.2.1 ", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%any text]:443", "fe80::1"),
        ("192.0.2.1%eth0", NO_ADDRESS),
        ("host.example", NO_ADDRESS),
        ("", NO_ADDRESS),
    ],
)
def test_an_address_is_found_with_and_without_port(text: str, address: str) -> None:
    """An address is read in every way in which logs write it; a name is none."""
    assert address_of(text) == address


def test_a_url_is_cut_as_clients_send_it() -> None:
    """Scheme, host and target are taken from a URL: without user and fragment, and with the path as written."""
    assert split_url("HTTPS://user:pw@a.example:8443/x%2Fy/../z?q=1#part") == (
        "https",
        "a.example:8443",
        "/x%2Fy/../z?q=1",
    )
    assert split_url("http://a.example?q=1") == ("http", "a.example", "/?q=1")
    assert split_url("/only/path") == ("", "", "/only/path")


@pytest.mark.parametrize("line", ["", "-", "GET", "\\x16\\x03\\x01", "GET  ", "G€T / HTTP/1.1"])
def test_what_is_no_request_line_is_refused(line: str) -> None:
    """A line that no server takes for a request is no call."""
    with pytest.raises(ValueError, match="no request line"):
        split_request(line)


def test_the_caller_is_the_one_that_the_last_proxy_saw() -> None:
    """The address that a proxy appended is the caller's; what the caller sent before it stays a header."""
    headers = ((b"x-forwarded-for", b"203.0.113.1, 192.0.2.7"), (b"accept", b"*/*"))
    assert peeled(headers) == ("192.0.2.7", ((b"x-forwarded-for", b"203.0.113.1"), (b"accept", b"*/*")))
    assert peeled(((b"x-forwarded-for", b"192.0.2.7"),)) == ("192.0.2.7", ())
    assert peeled(headers, "192.0.2.7")[0] == "192.0.2.7"
    # The log names another caller than the header: then nothing was appended, and the header is the caller's.
    assert peeled(headers, "198.51.100.1") == ("198.51.100.1", headers)
    assert peeled(((b"x-forwarded-for", b"no address"),)) == (
        NO_ADDRESS,
        ((b"x-forwarded-for", b"no address"),),
    )


def test_a_long_body_is_cut_and_keeps_its_length() -> None:
    """Of a body over the limit the beginning is handed on, with the length of the whole."""
    made = recorded(Call(method="POST", target=b"/", body=b"x" * (MAX_BODY_BYTES + 5)))
    assert (len(made["body"]), made["request_bytes"]) == (MAX_BODY_BYTES, MAX_BODY_BYTES + 5)


def test_the_same_call_gets_the_same_id() -> None:
    """An id is made of what a call says, so that a file that is read twice gives the same rows."""
    call = Call(method="GET", target=b"/", time_us=1)
    assert recorded(call, 3)["id"] == recorded(call, 3)["id"] != recorded(call, 4)["id"]
    assert recorded(Call(method="GET", target=b"/", id="mine"))["id"] == b"mine"


def test_protocols_have_one_name() -> None:
    """Every way to write a protocol leads to the engine's word."""
    assert [protocol_of(text) for text in ("h2", "HTTP/2.0", "2", "http/1.1", "HTTP/3", "SPDY")] == [
        "HTTP/2", "HTTP/2", "HTTP/2", "HTTP/1.1", "HTTP/3", "HTTP/1.1",
    ]  # fmt: skip


def test_what_no_row_can_hold_is_left_out() -> None:
    """One call must not keep the rows of the others in its batch from being made."""
    row = recorded(Call(method="GET", target=b"/", time_us=2**80, status=2**31, duration_us=2**80))
    assert (row["time_us"], row["status"], row["duration_us"]) == (2**63 - 1, None, 2**32 - 1)
    assert recorded(Call(method="GET", target=b"/", status=204))["status"] == 204
