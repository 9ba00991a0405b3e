"""What the benchmarks send."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from benchmarks import mix as traffic
from benchmarks.kinds import ATTACKS, FORM, HEADER_ATTACKS, LARGE_BYTES, Kind, kinds


@pytest.fixture(scope="module")
def mix() -> traffic.Mix:
    """The traffic of all benchmarks."""
    return traffic.mix()


@pytest.fixture(scope="module")
def by_name(mix: traffic.Mix) -> dict[str, Kind]:
    """The kinds of traffic that rules are measured with."""
    return {kind.name: kind for kind in kinds(mix)}


def _parsed(raw: bytes) -> tuple[str, str, dict[str, str], bytes]:
    head, _, body = raw.partition(b"\r\n\r\n")
    line, *fields = head.decode().split("\r\n")
    method, target, protocol = line.split(" ")
    assert protocol == "HTTP/1.1"
    headers = [field.split(": ", 1) for field in fields]
    assert max(Counter(name for name, _ in headers).values()) == 1
    return method, target, {name.lower(): value for name, value in headers}, body


def test_every_request_is_well_formed(by_name: dict[str, Kind]) -> None:
    """Lengths are right, JSON and forms can be read, paths are those that the API answers."""
    for kind in by_name.values():
        assert kind.requests
        for raw in kind.requests:
            method, target, headers, body = _parsed(raw)
            assert urlsplit(target).path.startswith("/api/v1/")
            assert headers["host"] == traffic.HOST
            assert int(headers.get("content-length", "0")) == len(body)
            assert (method == "POST") == bool(body)
            if method == "POST":
                assert target in traffic.CREATED
            if headers.get("content-type") == "application/json":
                json.loads(body)
            elif headers.get("content-type") == FORM:
                assert parse_qsl(body.decode(), strict_parsing=True)
            else:
                assert not body


def test_the_mix_is_three_reads_and_an_order(mix: traffic.Mix) -> None:
    """In turn, the orders of the size that README.md says."""
    methods = [_parsed(raw)[0] for raw in mix.requests]
    assert methods == ["GET", "GET", "GET", "POST"] * traffic.VARIANTS
    assert {round(len(_parsed(raw)[3]), -1) for raw in mix.requests[3::4]} == {440}


def test_large_bodies_have_64_kb_and_less_than_a_thousand_values(by_name: dict[str, Kind]) -> None:
    """ModSecurity as Debian configures it refuses more."""
    for raw in by_name["json 64 KB"].requests:
        body = _parsed(raw)[3]
        assert len(body) == LARGE_BYTES
        assert sum(len(item) for item in json.loads(body)["items"]) < 1_000


def test_every_attack_is_in_every_place(by_name: dict[str, Kind]) -> None:
    """Query, form and JSON have each attack, headers each of theirs; no request is without one."""
    requests = by_name["attacks"].requests
    found: dict[str, set[str]] = {"query": set(), "form": set(), "json": set()}
    for raw in requests:
        method, target, headers, body = _parsed(raw)
        query = parse_qs(urlsplit(target).query)
        if method == "GET" and "q" in query:
            found["query"].add(query["q"][0])
        elif method == "GET":
            assert any(headers[name.lower()] == value for name, value in HEADER_ATTACKS)
        elif headers["content-type"] == FORM:
            found["form"].add(parse_qs(body.decode())["message"][0])
        else:
            found["json"].add(json.loads(body)["note"])
    attacks = {text for _, text in ATTACKS}
    assert found == {"query": attacks, "form": attacks, "json": attacks}
    assert {family for family, _ in ATTACKS} >= {"sqli", "xss", "rce", "lfi"}


def test_only_the_attacks_are_malicious(by_name: dict[str, Kind]) -> None:
    """No other kind has one of their texts."""
    assert [name for name, kind in by_name.items() if kind.malicious] == ["attacks"]


def test_wrk_is_given_the_same_bytes(tmp_path: Path, mix: traffic.Mix) -> None:
    """The script's Lua literals say what the requests are."""
    script = tmp_path / "mix.lua"
    traffic.write_lua(script, [b'GET /"\\\r\n\x00\xff', *mix.requests[:1]])
    lines = script.read_text("ascii").splitlines()
    assert lines[1] == r'  "GET /\034\092\013\010\000\255",'
    assert len([line for line in lines if line.startswith('  "')]) == 2
