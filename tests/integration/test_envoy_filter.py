"""The filter in real Envoy: every action, bodies of every kind, events on the control socket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from starfort.bundle.expression import BoolExpr
from starfort.bundle.policy import BlockAction, DivertAction
from tests.support.filter_bench import (
    CARD,
    LIMIT_BYTES,
    MODULE,
    Bench,
    at,
    default_policies,
    envoy_config,
    filter_bench,
    filter_chain,
    policy,
    run_envoy,
    write_bundle,
)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not MODULE.exists(), reason=f"{MODULE} is not built: run make setup"),
]

MEBIBYTE = 1 << 20


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Envoy with the default policies."""
    async with filter_bench(tmp_path) as running:
        yield running


async def test_requests_pass_and_give_one_event_each(bench: Bench) -> None:
    """A request passes unchanged but for internal headers, and its row says what happened."""
    forged = {"x-starfort-ja4": "forged", "user-agent": "tester"}
    body = {"name": "ada"}
    answers = [await bench.client.post("/pass?a=1", json=body, headers=forged) for _ in range(3)]
    for answer in answers:
        assert answer.status_code == 200, answer.text
        assert answer.json()["upstream"] == "shop"
        assert not any(name.startswith("x-starfort") for name in answer.headers)
    assert all(
        not name.startswith("x-starfort") for _, _, headers, _ in bench.upstream.seen for name in headers
    )
    row = await bench.row("/pass", 3)
    assert (row["status"], row["action"], row["upstream"], row["node"]) == (200, "allow", "shop", "test")
    assert (row["bundle"], row["method"], row["protocol"]) == ("v1", "POST", "HTTP/1.1")
    assert row["address"].hex() == "00000000000000000000ffff7f000001"
    assert row["request_bytes"] == len(json.dumps(body, separators=(",", ":")))
    assert row["response_bytes"] == len(answers[2].content)
    assert sorted(row["parameters"]) == ["body:name:string", "query:a:integer"]
    assert len([row for row in bench.rows if row["path"] == "/pass"]) == 3
    assert len({row["id"] for row in bench.rows}) == 3


async def test_block_deceive_and_limit_answer_without_the_upstream(bench: Bench) -> None:
    """Blocked, deceived and limited requests never reach the upstream."""
    blocked = await bench.client.get("/block")
    assert (blocked.status_code, blocked.json()["status"]) == (403, 403)
    assert blocked.headers["content-type"] == "application/problem+json"
    deceived = await bench.client.post("/deceive", json={"name": "x"})
    assert (deceived.status_code, deceived.text) == (401, "wrong")
    assert (await bench.client.get("/limit")).status_code == 200
    limited = await bench.client.get("/limit")
    assert limited.status_code == 429
    assert int(limited.headers["retry-after"]) > 0
    assert [path for _, path, _, _ in bench.upstream.seen] == ["/limit"]
    row = await bench.row("/block")
    assert (row["action"], row["policy"], row["status"], row["upstream"]) == ("block", "block", 403, "")
    assert (await bench.row("/deceive"))["action"] == "deceive"
    assert (await bench.row("/limit", 2))["status"] == 429


async def test_divert_and_tag_change_where_and_how_a_request_goes(bench: Bench) -> None:
    """A diverted request reaches the other upstream, a tagged one carries its header."""
    assert (await bench.client.post("/divert", json={"name": "x"})).json()["upstream"] == "other"
    forged = {"x-starfort-upstream": "other", "x-risk": "none"}
    assert (await bench.client.get("/tag", headers=forged)).json()["upstream"] == "shop"
    headers = bench.upstream.seen[-1][2]
    assert headers["x-risk"] == "high"
    assert "x-starfort-upstream" not in headers
    await bench.client.get("/pass", headers=forged)
    assert "x-risk" not in bench.upstream.seen[-1][2], "what a policy tags with, no client may claim"
    assert (await bench.row("/divert"))["upstream"] == "other"
    assert (await bench.row("/tag"))["tags"] == ["tag:tag"]


async def test_delayed_requests_go_on_or_are_answered_late(bench: Bench) -> None:
    """A delay holds head and body, then the request goes on or gets its answer."""
    answers = await asyncio.gather(
        bench.client.get("/delay"),
        bench.client.post("/delay", json={"name": "x"}),
        bench.client.post("/delay", content=b"z" * 3 * MEBIBYTE, headers={"content-type": "image/png"}),
        bench.client.get("/delay-block"),
    )
    assert [answer.status_code for answer in answers] == [200, 200, 200, 403]
    assert answers[2].json()["bytes"] == 3 * MEBIBYTE
    row = await bench.row("/delay", 3)
    assert row["tags"] == ["delay:delay"]
    assert row["duration_us"] >= 50_000


async def test_a_client_that_leaves_while_held_gives_its_event(bench: Bench) -> None:
    """A request whose client leaves before it is complete is one row with status 0."""
    reader, writer = await asyncio.open_connection(*bench.address)
    writer.write(
        b"POST /delay HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{"
    )
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert await reader.read() == b""
    assert (await bench.row("/delay"))["status"] == 0


async def test_bodies_are_inspected_whole(bench: Bench) -> None:
    """A policy on the body sees it in any chunks, and over the limit its beginning."""

    async def chunks() -> AsyncIterator[bytes]:
        for byte in b'{"name": "evil"}':
            yield bytes([byte])
            await asyncio.sleep(0)

    blocked = await bench.client.post("/body", content=chunks(), headers={"content-type": "application/json"})
    assert (blocked.status_code, blocked.text) == (422, "no")
    large = json.dumps({"name": "x" * 3 * MEBIBYTE}).encode()
    passed = await bench.client.post("/over", content=large, headers={"content-type": "application/json"})
    assert passed.json()["bytes"] == len(large)
    row = await bench.row("/over")
    assert "body_over_limit" in row["anomalies"]
    assert row["request_bytes"] == len(large)
    exact = json.dumps({"n": "x" * (LIMIT_BYTES - 9)}).encode()
    assert len(exact) == LIMIT_BYTES
    assert (
        await bench.client.post("/exact", content=exact, headers={"content-type": "application/json"})
    ).is_success
    assert (await bench.row("/exact"))["anomalies"] == []


async def test_a_body_over_the_limit_is_refused_when_so_configured(tmp_path: Path) -> None:
    """With `over_limit: refuse` a larger body is answered 413 and does not reach the upstream."""
    async with filter_bench(tmp_path, over_limit="refuse") as bench:
        large = json.dumps({"name": "x" * MEBIBYTE}).encode()
        answer = await bench.client.post("/over", content=large, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
        assert bench.upstream.seen == []
        row = await bench.row("/over")
        assert (row["status"], row["action"]) == (413, "block")


def _part(name: str, value: bytes) -> bytes:
    return b'--XyZ\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name.encode(), value)


_FILE = b'--XyZ\r\ncontent-disposition: form-data; name="f"; filename="a.bin"\r\n\r\n'
_MULTIPART = {"content-type": "multipart/form-data; boundary=XyZ"}


async def _upload(mebibytes: int, *, before: bytes = b"", behind: bytes = b"") -> AsyncIterator[bytes]:
    """A multipart body: fields, a file of so many MiB, fields."""
    yield before + _FILE
    for _ in range(mebibytes):
        yield b"u" * MEBIBYTE
    yield b"\r\n" + behind + b"--XyZ--\r\n"


async def test_fields_behind_a_large_file_are_decided_on(tmp_path: Path) -> None:
    """A field that a policy refuses is refused behind a file too; the same upload without it arrives whole."""
    async with filter_bench(tmp_path, over_limit="refuse") as bench:
        evil, good = _part("name", b"evil"), _part("name", b"good")
        passed = await bench.client.post(
            "/body", content=_upload(8, before=good, behind=good), headers=_MULTIPART
        )
        assert passed.status_code == 200
        size = len(b"".join([good, _FILE, b"\r\n", good, b"--XyZ--\r\n"])) + 8 * MEBIBYTE
        assert passed.json()["bytes"] == size
        late = await bench.client.post("/body", content=_upload(8, behind=evil), headers=_MULTIPART)
        assert late.status_code == 422
        assert (await bench.row("/body", 2))["action"] == "block"
        # Of one that is refused at once the client may see no more than that the connection ends.
        with contextlib.suppress(httpx.TransportError):
            early = await bench.client.post("/body", content=_upload(8, before=evil), headers=_MULTIPART)
            assert early.status_code == 422
        assert (await bench.row("/body", 3))["status"] == 422


async def test_a_large_field_is_no_file(tmp_path: Path) -> None:
    """Filler in a field does not hide what comes behind it: the request is over the limit."""
    async with filter_bench(tmp_path, over_limit="refuse") as bench:
        body = _part("filler", b"x" * 3 * MEBIBYTE) + _part("name", b"evil") + b"--XyZ--\r\n"
        answer = await bench.client.post("/body", content=body, headers=_MULTIPART)
        assert (answer.status_code, answer.json()["detail"]) == (413, "body_over_limit")


@pytest.mark.parametrize("kind", ["octet-stream", "multipart"])
async def test_large_uploads_take_no_memory(tmp_path: Path, kind: str) -> None:
    """Envoy's memory is the same after 32 MiB as after 256 MiB: files are not held."""
    async with filter_bench(tmp_path, over_limit="refuse") as bench:

        async def send(mebibytes: int) -> int:
            if kind == "multipart":
                headers = _MULTIPART
                content = _upload(mebibytes, behind=_part("a", b"1"))
            else:
                headers = {"content-type": "application/octet-stream"}
                content = _plain(mebibytes)
            answer = await bench.client.post("/up", content=content, headers=headers)
            assert answer.status_code == 200
            assert answer.json()["bytes"] >= mebibytes * MEBIBYTE
            return bench.resident_kib()

        small = await send(32)
        assert await send(256) - small < 16 * 1024


async def _plain(mebibytes: int) -> AsyncIterator[bytes]:
    for _ in range(mebibytes):
        yield b"u" * MEBIBYTE


async def test_50_mib_stream_through_without_being_held(bench: Bench) -> None:
    """An upload and a download that are not inspected pass without Envoy's memory growing by their size."""
    await bench.client.get("/pass")
    before = bench.resident_kib()

    async def upload() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"u" * MEBIBYTE

    answer = await bench.client.put("/up", content=upload(), headers={"content-type": "image/png"})
    assert answer.json()["bytes"] == 50 * MEBIBYTE
    assert len((await bench.client.get("/large")).content) == 4 * MEBIBYTE
    assert bench.resident_kib() - before < 20 * 1024
    assert (await bench.row("/up"))["request_bytes"] == 50 * MEBIBYTE
    assert (await bench.row("/large"))["response_bytes"] == 4 * MEBIBYTE


async def test_responses_are_masked_scanned_and_replaced(bench: Bench) -> None:
    """Masking changes body and length; elsewhere sensitive data is seen; a response can be refused."""
    masked = await bench.client.get("/card")
    assert CARD not in masked.text
    assert masked.json()["name"] == "Ada"
    assert (await bench.client.get("/cards")).json() == {"card": CARD}
    hidden = await bench.client.get("/hide")
    assert (hidden.status_code, hidden.json()["title"]) == (404, "Not Found")
    row = await bench.row("/card")
    assert (row["sensitive_response"], row["sensitive_response_count"]) == (["card_number"], 1)
    assert (await bench.row("/cards"))["sensitive_response"] == ["card_number"]
    row = await bench.row("/hide")
    assert (row["status"], row["action"]) == (404, "block")
    assert CARD not in str(bench.rows)


async def test_envoys_own_answers_give_events(bench: Bench) -> None:
    """A 503 for an upstream that is not there is an event without an upstream."""
    divert = policy("nobody", at("/nobody"), DivertAction("nobody"))
    await push(bench, "v2", [divert])
    assert (await bench.client.get("/nobody")).status_code == 503
    row = await bench.row("/nobody")
    assert (row["status"], row["upstream"], row["action"]) == (503, "", "divert")


async def push(bench: Bench, version: str, policies: list[dict[str, object]]) -> None:
    """Put a bundle in force, over the control socket."""
    path = bench.directory / "bundle.sfb"
    write_bundle(path, version, policies)
    (result,) = await bench.control.push_bundle(path, version)
    assert result.ok, result.error


async def test_bundles_swap_under_keep_alive_and_bad_ones_change_nothing(bench: Bench) -> None:
    """A new bundle is in force for the next request of the same connection; a broken one is reported."""
    reader, writer = await asyncio.open_connection(*bench.address)

    async def status() -> bytes:
        writer.write(b"GET /swap HTTP/1.1\r\nhost: a\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
        await reader.readexactly(length)
        return head.split()[1]

    assert await status() == b"200"
    await push(
        bench,
        "v2",
        [policy("all", BoolExpr(value=True), BlockAction(403))],
    )
    assert await status() == b"403"
    path = bench.directory / "bundle.sfb"
    path.write_bytes(path.read_bytes()[:-1])
    (result,) = await bench.control.push_bundle(path, "v3")
    assert not result.ok
    assert "expected" in result.error
    assert await status() == b"403"
    writer.close()
    await writer.wait_closed()


async def test_a_block_is_in_force_while_no_event_is_taken(bench: Bench) -> None:
    """An operator's block holds within two seconds though the disk takes no event; no event is lost by it."""
    bench.disk.clear()
    for index in range(0, 300, 20):
        calls = (bench.client.get(f"/flood/{index + each}") for each in range(20))
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
    started = time.monotonic()
    await push(bench, "v2", [policy("all", BoolExpr(value=True), BlockAction(403))])
    assert (await bench.client.get("/flood/blocked")).status_code == 403
    assert time.monotonic() - started < 2
    (peer,) = bench.control.connected
    async with asyncio.timeout(5):
        while peer.waiting_calls < 301 or peer.bundle != "v2":
            await asyncio.sleep(0.05)
    assert time.time() - peer.bundle_since < 60
    assert bench.rows == []
    bench.disk.set()
    await bench.row("/flood/blocked")
    paths = [row["path"] for row in bench.rows]
    assert len(paths) == len(set(paths)) == 301


async def test_envoy_gives_its_last_events_before_it_ends(tmp_path: Path) -> None:
    """Calls answered just before SIGTERM are events all the same, though the control plane is slow to take them."""
    async with filter_bench(tmp_path) as bench:
        bench.disk.clear()
        calls = (bench.client.get(f"/last/{index}") for index in range(50))
        assert {answer.status_code for answer in await asyncio.gather(*calls)} == {200}
        asyncio.get_running_loop().call_later(1.5, bench.disk.set)
        os.kill(bench.pid, signal.SIGTERM)
        async with asyncio.timeout(10):
            while bench.control.busy:
                await asyncio.sleep(0.02)
        assert len({row["path"] for row in bench.rows}) == 50
        (peer,) = bench.control.peers
        assert not peer.connected


@pytest.mark.parametrize("fail_open", [True, False])
async def test_without_a_bundle_envoy_fails_open_or_closed(tmp_path: Path, fail_open: bool) -> None:
    """Envoy starts with a damaged bundle; requests pass stripped or get 503 until a good one comes."""
    async with filter_bench(tmp_path, fail_open=fail_open, damaged=True) as bench:
        answer = await bench.client.get("/block", headers={"x-starfort-upstream": "other"})
        if fail_open:
            assert (answer.status_code, answer.json()["upstream"]) == (200, "shop")
            assert not [name for name in bench.upstream.seen[0][2] if name.startswith("x-starfort")]
        else:
            assert (answer.status_code, answer.headers["content-type"]) == (503, "application/problem+json")
            assert bench.upstream.seen == []
        await push(bench, "v2", default_policies())
        assert (await bench.client.get("/block")).status_code == 403


async def test_head_continue_and_upgrades(bench: Bench) -> None:
    """HEAD has no body to wait for, `Expect: 100-continue` is answered, an upgrade is not held."""
    assert (await bench.client.head("/card")).status_code == 200
    reader, writer = await asyncio.open_connection(*bench.address)
    writer.write(
        b"POST /expect HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n"
        b"content-length: 2\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    writer.write(b"{}")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
    reader, writer = await asyncio.open_connection(*bench.address)
    writer.write(
        b"GET /socket HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 ")
    writer.close()
    await writer.wait_closed()
    assert (await bench.row("/expect"))["status"] == 200


async def test_events_survive_a_restart_of_the_control_plane(bench: Bench) -> None:
    """Requests go on while nobody listens, and every one of them is an event afterwards, once."""
    await bench.client.get("/before")
    await bench.row("/before")
    await bench.control.stop()
    for index in range(20):
        assert (await bench.client.get(f"/away/{index}")).status_code == 200
    await bench.control.start()
    for index in range(20):
        await bench.row(f"/away/{index}")
    paths = [row["path"] for row in bench.rows]
    assert len(paths) == len(set(paths)) == 21


async def test_validation_loads_the_module_and_the_bundle(tmp_path: Path) -> None:
    """`envoy --mode validate` accepts a good bundle and names what is wrong with a bad one."""
    bundle = tmp_path / "bundle.sfb"
    write_bundle(bundle, "v1", default_policies())
    filters = filter_chain(bundle, tmp_path / "control.sock")
    config = tmp_path / "envoy.json"
    config.write_text(json.dumps(envoy_config(filters, tmp_path / "admin.sock", {"shop": 1})))

    async def validate() -> tuple[int | None, str]:
        process = await run_envoy("--mode", "validate", "-c", str(config))
        _, log = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode, log.decode()

    code, log = await validate()
    assert code == 0, log
    bundle.write_bytes(bundle.read_bytes()[:-1] + b"?")
    code, log = await validate()
    assert code != 0
    assert "checksum does not match" in log
