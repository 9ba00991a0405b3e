"""`starfort._engine`: what Python hands over and gets back."""

from __future__ import annotations

import hashlib
import re
import struct
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from examples.demo import geo

from starfort import _engine, bundle
from starfort.bundle import expression as e
from starfort.bundle.model import Api, Endpoint, Identity, JwtProvider, Limits, OverLimit
from starfort.bundle.policy import (
    AllowAction,
    BlockAction,
    DelayAction,
    LimitAction,
    MaskAction,
    Mode,
    Phase,
    Policy,
    TagAction,
)
from starfort.signals.model import KEY_TYPES
from tests.support.corpora import corpus, needs_corpus

HEAD_BYTES = 52
NOW_MS = 1_700_000_000_000
LIMITS = Limits(
    16384, 100, 16384, 1000, 1 << 20, 1 << 20, 100, 64, 1000, 100, 1000, 100, 10**8, over_limit=OverLimit.PASS
)


def policy(
    name: str,
    action: Any,
    *,
    when: e.Expr | None = None,
    phase: Phase = Phase.REQUEST,
    mode: Mode = Mode.ENFORCE,
    **more: Any,
) -> Policy:
    """A policy for everything, unless `more` says otherwise."""
    fields = {"apis": None, "endpoints": None, "expires_s": None} | more
    return Policy(name=name, phase=phase, when=when or e.BoolExpr(True), action=action, mode=mode, **fields)


def made(*policies: Policy, **more: Any) -> bytes:
    """A small bundle's file."""
    fields: dict[str, Any] = {
        "node": "edge-1",
        "hash_key": bytes(32),
        "fail_open": True,
        "limits": LIMITS,
        "apis": (
            Api("shop", ("shop.example.com",), ("/",), "shop", labels=("public",), jwt_providers=("id",)),
        ),
        "endpoints": (
            Endpoint("1", 0, "GET", "/users/{id}", labels=("people",)),
            Endpoint("2", 0, "POST", "/login", username_field="email", password_field="password"),
        ),
        "identity": Identity(
            "x-starfort-jwt", (JwtProvider("id", "https://id", "sub", "scope"),), (), (), mtls=True
        ),
        "sensitive_classes": ("email", "card_number"),
        "signal_kinds": ("stuffing",),
        "policies": policies,
    }
    return bundle.encode(bundle.Bundle(**(fields | more)))


def explain(file: bytes, **request: Any) -> dict[str, Any]:
    """One request in a new engine."""
    return dict(_engine.Engine(file).explain(request, now_ms=NOW_MS))  # type: ignore[arg-type]


def with_header(payload: bytes, *, format_: int = 1) -> bytes:
    """A true header before any payload."""
    return (
        struct.pack(">8sIQ32s", b"SFBUNDLE", format_, len(payload), hashlib.sha256(payload).digest())
        + payload
    )


class TestBundle:
    def test_a_good_bundle_is_described(self) -> None:
        """Version, node and the sizes of the parts."""
        file = made(policy("a", BlockAction(403)))
        told = _engine.check_bundle(file)
        assert told["version"] == _engine.Engine(file).version == bundle.decode(file).version
        assert (told["node"], told["apis"], told["endpoints"], told["policies"]) == ("edge-1", 1, 2, 1)

    def test_every_flipped_byte_is_noticed(self) -> None:
        """No damage anywhere in the file gives an engine."""
        file = made(policy("a", BlockAction(403)))
        for position in range(len(file)):
            damaged = bytearray(file)
            damaged[position] ^= 0x55
            with pytest.raises(_engine.BundleError):
                _engine.Engine(bytes(damaged))

    def test_every_shorter_or_longer_file_is_refused(self) -> None:
        """Truncation shows, and so does a tail."""
        file = made()
        for length in range(len(file)):
            with pytest.raises(_engine.BundleError):
                _engine.check_bundle(file[:length])
        with pytest.raises(_engine.BundleError):
            _engine.check_bundle(file + b"\0")


def broken_database() -> None:
    """A country database that is none."""
    _engine.Engine(made(), country=b"no database")


RAISES = {
    "bundle_truncated": lambda: _engine.Engine(made()[:-1]),
    "bundle_magic": lambda: _engine.Engine(b"x" * 100),
    "bundle_format": lambda: _engine.Engine(with_header(b"", format_=99)),
    "bundle_checksum": lambda: _engine.Engine(made()[:-1] + b"\xc3"),
    "bundle_decode": lambda: _engine.Engine(with_header(b"\x90")),
    "bundle_invalid": lambda: _engine.Engine(made(hash_key=b"short")),
    "geo_database": broken_database,
}


class TestErrors:
    @pytest.mark.parametrize("code", RAISES)
    def test_each_code_has_its_exception(self, code: str) -> None:
        """The code is on the exception, and the class says which input was wrong."""
        wanted = _engine.GeoDatabaseError if code == "geo_database" else _engine.BundleError
        with pytest.raises(wanted) as error:
            RAISES[code]()
        assert error.value.code == code
        assert str(error.value)

    def test_no_code_is_without_a_case(self) -> None:
        """A new variant of the engine's errors fails here until it has its exception and its case."""
        assert set(RAISES) == set(_engine.ERROR_CODES)
        source = (Path(__file__).parents[3] / "crates/engine/src/error.rs").read_text(encoding="utf-8")
        variants = re.findall(r"Self::(\w+)(?: \{ \.\. \})? => \"", source)
        assert len(variants) == len(_engine.ERROR_CODES)

    def test_secrets_are_not_in_messages(self) -> None:
        """What a bundle says wrong is named, its values are not."""
        with pytest.raises(_engine.BundleError) as error:
            _engine.Engine(made(hash_key=b"sesame"))
        assert "sesame" not in str(error.value)

    @pytest.mark.parametrize(
        ("request_", "wanted", "part"),
        [
            ({"metod": "GET"}, ValueError, "metod"),
            ({"address": "nowhere"}, ValueError, "nowhere"),
            ({"protocol": "SPDY"}, ValueError, "SPDY"),
            ({"url": "ftp://x/"}, ValueError, "ftp"),
            ({"method": 3}, TypeError, "method"),
            ({"headers": 3}, TypeError, "headers"),
            ({"response": {"code": 3}}, ValueError, "code"),
            ({"response": {"status": -1}}, TypeError, "status"),
            ({"response": 3}, TypeError, "response"),
        ],
    )
    def test_wrong_requests_are_refused(self, request_: Any, wanted: type[Exception], part: str) -> None:
        """With the member or the value that is wrong."""
        with pytest.raises(wanted, match=part):
            explain(made(), **request_)


class TestExplain:
    def test_everything_learned_is_told(self) -> None:
        """Endpoint, client, identity, signals, findings, event."""
        engine = _engine.Engine(made())
        engine.signals(
            [{"kind": "stuffing", "key_type": "address", "key": "192.0.2.1", "score": 0.5, "ttl_ms": 10}],
            now_ms=NOW_MS,
        )
        told = engine.explain(
            {
                "url": "https://Shop.example.com:443/users/./7?q=1",
                "headers": [("User-Agent", "x"), ("X-Forwarded-For", "198.51.100.1")],
                "address": "192.0.2.1",
                "protocol": "HTTP/2",
                "ja4": "t13d",
                "jwt_claims": {"iss": "https://id", "sub": "ann", "scope": "read write"},
            },
            now_ms=NOW_MS,
        )
        assert told["request"] == {
            "method": "GET", "scheme": "https", "host": "shop.example.com", "path": "/users/7", "protocol": "HTTP/2",
            "content_type": "", "api": "shop",
        }  # fmt: skip
        assert told["endpoint"] == {
            "id": "1", "method": "GET", "path": "/users/{id}", "labels": ["public", "people"], "documented": False,
        }  # fmt: skip
        assert (told["client"]["address"], told["client"]["ja4"]) == ("192.0.2.1", "t13d")
        assert (told["identity"]["subject"], told["identity"]["scopes"]) == ("ann", ["read", "write"])
        assert told["signals"] == [{"kind": "stuffing", "score": 0.5}]
        assert told["findings"] == ["forged_forwarding"]
        assert told["event"]["time"] == NOW_MS * 1000
        assert told["event"]["template"] == "/users/{id}"

    def test_what_clients_send_under_internal_names_is_dropped(self) -> None:
        """As Envoy drops it."""
        told = explain(
            made(),
            url="https://shop.example.com/users/1",
            headers={"x-starfort-peer": "admin", "x-starfort-ja4": "x"},
        )
        assert (told["identity"]["kind"], told["client"]["ja4"]) == ("none", "")

    def test_event_fields_are_those_of_the_schema(self) -> None:
        """The dictionary has a member for each column."""
        from starfort.events.schema import EVENT_SCHEMA

        assert set(explain(made())["event"]) == set(EVENT_SCHEMA.names)

    def test_secrets_of_a_login_are_not_in_the_event(self) -> None:
        """Only their keyed hashes are."""
        body = '{"email":"ann@example.com","password":"correct horse"}'
        told = explain(
            made(),
            method="POST",
            url="https://shop.example.com/login",
            headers={"content-type": "application/json"},
            body=body,
        )
        assert told["event"]["account_hash"]
        assert told["event"]["password_hash"]
        assert "ann@example.com" not in str(told)
        assert "correct horse" not in str(told)

    @pytest.mark.parametrize(
        ("more", "outcome", "matched"),
        [
            ({}, "applied", True),
            ({"mode": Mode.OBSERVE}, "observed", True),
            ({"when": e.BoolExpr(False)}, "no_match", False),
            (
                {
                    "when": e.CallExpr(
                        e.Function.EQUAL,
                        (e.IntExpr(1), e.CallExpr(e.Function.DIVIDE, (e.IntExpr(1), e.IntExpr(0)))),
                    )
                },
                "error",
                None,
            ),
            ({"apis": (5,)}, "not_for_this_api", None),
            ({"endpoints": (1,)}, "not_for_this_endpoint", None),
            ({"expires_s": 1}, "expired", None),
            ({"phase": Phase.RESPONSE}, "not_asked", None),
        ],
    )
    def test_each_outcome_of_a_policy(self, more: dict[str, Any], outcome: str, matched: bool | None) -> None:
        """The trace says what happened to the policy, and why."""
        told = explain(made(policy("p", DelayAction(10), **more)), url="https://shop.example.com/users/1")
        (trace,) = told["policies"]
        assert (trace["policy"], trace["outcome"], trace["matched"]) == ("p", outcome, matched)
        assert trace["error"] == ("divide_by_zero" if outcome == "error" else "")
        assert told["delay_ms"] == (10 if outcome == "applied" else 0)

    def test_policies_after_the_end_are_not_reached_but_response_policies_are(self) -> None:
        """Of a request that goes on, the response's own list begins anew."""
        file = made(
            policy("end", AllowAction()),
            policy("tag", TagAction("x-a", "1")),
            policy("mask", MaskAction(()), phase=Phase.RESPONSE),
        )
        told = explain(
            file,
            url="https://shop.example.com/users/1",
            response={"headers": {"content-type": "application/json"}, "body": b'{"mail":"ann@example.com"}'},
        )
        assert [trace["outcome"] for trace in told["policies"]] == ["applied", "not_reached", "applied"]
        assert b"ann@" not in told["masked_body"]

    def test_limits_count_in_the_time_that_is_given(self) -> None:
        """Two at once, then one a second."""
        engine = _engine.Engine(
            made(policy("p", LimitAction(1, 1000, 1, (e.FieldExpr(e.PlainField.CLIENT_ADDRESS),))))
        )
        at = [0, 0, 0, 999, 1000, 1000]
        told = [engine.explain({}, now_ms=NOW_MS + ms)["action"] for ms in at]
        assert told == ["allow", "allow", "limit", "limit", "allow", "limit"]

    def test_over_limit_bodies_are_refused_where_configured(self) -> None:
        """And the event has the status."""
        limits = replace(LIMITS, request_body_bytes=10, over_limit=OverLimit.REFUSE)
        told = explain(
            made(limits=limits),
            method="POST",
            headers={"content-type": "application/json"},
            body=b"[1,2,3,4,5,6,7]",
        )
        assert told["answer"]["status"] == told["event"]["status"] == 413

    def test_geo_databases_are_read(self, tmp_path: Path) -> None:
        """An address has the continent of the one database and the network of the other."""
        country, asn = (path.read_bytes() for path in geo.write(tmp_path))
        engine = _engine.Engine(made(), country=country, asn=asn)
        client = engine.explain({"address": "192.0.2.7"})["client"]
        assert (client["country"], client["continent"], client["asn"]) == ("DE", "EU", 64497)
        assert engine.explain({"address": "198.51.100.7"})["client"]["asn"] == 64498

    @needs_corpus("geo")
    def test_maxminds_own_databases_are_read(self) -> None:
        """The test databases that MaxMind publishes answer as it says."""
        read = [corpus("geo") / f"GeoLite2-{name}-Test.mmdb" for name in ("Country", "ASN")]
        country, asn = (path.read_bytes() for path in read)
        engine = _engine.Engine(made(), country=country, asn=asn)
        assert engine.explain({"address": "81.2.69.142"})["client"]["continent"] == "EU"
        assert engine.explain({"address": "1.128.0.0"})["client"]["asn"] == 1221

    def test_threads_share_an_engine(self) -> None:
        """Each request is counted once."""
        engine = _engine.Engine(made(policy("p", LimitAction(100, 1_000_000, 99, ()))))
        allowed: list[str] = []

        def ask() -> None:
            allowed.extend(engine.explain({}, now_ms=NOW_MS)["action"] for _ in range(50))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (allowed.count("allow"), allowed.count("limit")) == (100, 100)


class TestSignals:
    def test_wrong_signals_change_nothing(self) -> None:
        """All or none."""
        engine = _engine.Engine(made())
        good: Any = {
            "kind": "stuffing",
            "key_type": "address",
            "key": "192.0.2.1",
            "score": 0.5,
            "ttl_ms": 10,
        }
        for wrong in ({"key_type": "planet"}, {"score": 2.0}, {"score": float("nan")}):
            with pytest.raises(ValueError, match=r"planet|score"):
                engine.signals([good, {**good, **wrong}])
        assert engine.signals([]) == 0
        assert engine.signals([good]) == 1

    def test_every_documented_key_type_is_known(self) -> None:
        """Those of the control socket's frame."""
        engine = _engine.Engine(made())
        kinds = sorted(KEY_TYPES)
        signals: Any = [
            {"kind": "stuffing", "key_type": kind, "key": "k", "score": 1.0, "ttl_ms": 1} for kind in kinds
        ]
        assert engine.signals(signals) == len(kinds)


def test_paths_are_normalised_as_the_pipeline_does() -> None:
    """Decoded once, dot and empty segments removed."""
    for path, wanted in (
        ("/a/../b", "/b"),
        ("//a///b", "/a/b"),
        ("/%61%2562", "/a%62"),
        ("/a/./b/", "/a/b/"),
    ):
        assert _engine.normalise_path(path) == wanted
        assert explain(made(), url=path)["request"]["path"] == wanted
