"""Limits of the whole, of an API and of an endpoint: the narrowest that says something holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from starfort.bundle import Limits, OverLimit
from starfort.compile import compile_config
from starfort.compile.limits import LimitTable, widest
from starfort.config import ConfigError, load
from starfort.config.limits import Limits as Configured
from starfort.config.limits import ScopedLimits
from starfort.threats.rulesets.overlay import directives
from tests.unit.compile.support import HEAD, compiled

APIS = """
apis:
  - name: shop
    upstream: shop
    hosts: [shop.example]
    limits: {request_body: 4MiB, over_limit: pass}
    endpoints:
      - {match: POST /import, limits: {request_body: 16MiB}}
      - {match: '* /import', limits: {depth: 9, request_body: 1MiB}}
      - {match: GET /plain, labels: [x]}
  - {name: other, upstream: shop}
"""


def limits_of(folder: Path, rest: str = "", apis: str = APIS) -> dict[str, Limits]:
    """The effective limits of each API and endpoint, as the engine finds them."""
    made = compiled(folder, rest, apis=apis).bundle

    def found(*numbers: int | None) -> Limits:
        number = next((number for number in numbers if number is not None), None)
        return made.limits if number is None else made.scoped_limits[number]

    return {api.name: found(api.limits) for api in made.apis} | {
        f"{one.method} {one.path}": found(one.limits, made.apis[one.api].limits) for one in made.endpoints
    }


def test_what_is_not_said_is_taken_from_the_wider_scope(tmp_path: Path) -> None:
    """An endpoint's limits over its API's over those of all."""
    found = limits_of(tmp_path, rest="limits: {depth: 50}\n")
    shop, imported = found["shop"], found["POST /import"]
    assert (shop.request_body_bytes, shop.over_limit, shop.depth) == (4 << 20, OverLimit.PASS, 50)
    assert (imported.request_body_bytes, imported.over_limit, imported.depth) == (
        16 << 20,
        OverLimit.PASS,
        50,
    )
    assert found["GET /plain"] == shop
    assert (found["other"].request_body_bytes, found["other"].over_limit) == (2 << 20, OverLimit.REFUSE)


def test_one_method_holds_over_all_methods(tmp_path: Path) -> None:
    """Whatever their order in the file."""
    found = limits_of(tmp_path)
    assert (found["* /import"].depth, found["* /import"].request_body_bytes) == (9, 1 << 20)
    assert found["POST /import"].depth == 64


def test_limits_that_say_nothing_new_are_those_of_all() -> None:
    """So that a bundle holds each set of limits once."""
    table = LimitTable(Configured())
    assert table.number(None, ScopedLimits(depth=64)) is None
    first = table.number(ScopedLimits(depth=10))
    assert table.number(ScopedLimits(), ScopedLimits(depth=10)) == first == 0
    assert [one.depth for one in table.scoped()] == [10]


def test_what_stands_before_the_engine_lets_the_widest_through(tmp_path: Path) -> None:
    """Envoy's limits and SecLang's are no narrower than any endpoint's."""
    made = compiled(tmp_path, "", apis=APIS.replace("request_body: 16MiB", "uri: 64KiB"))
    assert made.dataplane.limits.headers_kib >= 2 * (64 + 16)
    assert "SecArgumentsLimit 300000" in list(directives(Configured(body_parameters=300_000)))


def test_the_older_word_is_understood(tmp_path: Path) -> None:
    """`reject` was what `refuse` is."""
    assert limits_of(tmp_path, rest="limits: {over_limit: reject}\n")["other"].over_limit is OverLimit.REFUSE


def test_unknown_limits_are_mistakes(tmp_path: Path) -> None:
    """Also in a scope, and the older one of all parameters."""
    for wrong in ("limits: {parameters: 5}\n", "limits: {over_limit: maybe}\n"):
        with pytest.raises(ConfigError):
            compiled(tmp_path, wrong)


def test_widest(tmp_path: Path) -> None:
    """Of each limit the largest figure, wherever it is said."""
    file = tmp_path / "starfort.yaml"
    file.write_text(HEAD + APIS)
    found = widest(load(file).config)
    assert (found.request_body, found.depth) == (16 << 20, 64)


def test_bodies_have_a_pace_of_their_own(tmp_path: Path) -> None:
    """Rate and times of bodies are limits of the endpoint as any other; gRPC is known by its upstream."""
    apis = """
apis:
  - name: shop
    upstream: shop
    limits: {body_time: 1h}
    endpoints:
      - {match: POST /files, limits: {body_rate: 0, body_wait: 2m}}
  - {name: desk, upstream: desk, hosts: [desk.example]}
"""
    found = limits_of(tmp_path, "limits: {body_rate: 1KiB}\n", apis)
    paces = {name: (one.body_wait_ms, one.body_rate, one.body_time_ms) for name, one in found.items()}
    assert paces == {
        "desk": (30_000, 1024, 21_600_000),
        "shop": (30_000, 1024, 3_600_000),
        "POST /files": (120_000, 0, 3_600_000),
    }
    text = HEAD.replace(
        "name: desk, addresses: [127.0.0.1:9002]", "name: desk, addresses: [127.0.0.1:9002], http2: true"
    )
    (tmp_path / "starfort.yaml").write_text(text + apis)
    made = compile_config(load(tmp_path / "starfort.yaml"), hash_key=bytes(32), signal_kinds=[])
    assert {one.name: one.grpc for one in made.bundle.apis} == {"shop": False, "desk": True}
