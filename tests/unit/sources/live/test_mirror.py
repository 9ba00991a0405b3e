"""The mirror's target answers at once, and takes what was sent."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import pytest

from starfort.sources.call import Call, Part
from starfort.sources.live.gate import Gate
from starfort.sources.live.mirror import MirrorSource, original_host


@contextlib.asynccontextmanager
async def _mirror(gate: Gate, *, of_envoy: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    source = MirrorSource("127.0.0.1:0", gate, 8, of_envoy=of_envoy)
    task = asyncio.create_task(source.run())
    while source.port == 0:
        await asyncio.sleep(0.01)
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{source.port}", trust_env=False) as client:
            yield client
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _gate(rate: int = 100) -> tuple[Gate, list[Call]]:
    taken: list[Call] = []

    async def deliver(calls: list[Call]) -> None:
        taken.extend(calls)

    return Gate(rate, deliver), taken


async def test_a_copy_of_envoy_is_the_request_that_it_got() -> None:
    """Host and caller are those of the original; a long body is cut; the answer is 204 and empty."""
    gate, taken = _gate()
    async with _mirror(gate) as client:
        answer = await client.post(
            "/v1/a%2Fb?x=1",
            content=b"0123456789",
            headers={
                "host": "a.example-shadow:8080",
                "x-forwarded-for": "203.0.113.5,192.0.2.7,10.0.0.1",
                "x-forwarded-proto": "https",
                "x-envoy-internal": "true",
                "authorization": "Bearer x",
            },
        )
    await gate.flush()
    (call,) = taken
    assert (answer.status_code, answer.content) == (204, b"")
    assert (call.method, call.target, call.host, call.scheme) == (
        "POST",
        b"/v1/a%2Fb?x=1",
        "a.example:8080",
        "https",
    )
    assert (call.address, call.body, call.request_bytes) == ("192.0.2.7", b"01234567", 10)
    assert (b"x-forwarded-for", b"203.0.113.5") in call.headers
    assert not [name for name, _ in call.headers if name == b"x-envoy-internal"]
    assert (call.status, Part.RESPONSE in call.unseen, gate.counts.cut) == (None, True, 1)


async def test_a_copy_of_nginx_names_its_caller_last() -> None:
    """Nginx appends one address, and leaves the host as it is."""
    gate, taken = _gate()
    async with _mirror(gate, of_envoy=False) as client:
        await client.get("/", headers={"host": "a-shadow", "x-forwarded-for": "203.0.113.5, 192.0.2.7"})
    await gate.flush()
    assert (taken[0].address, taken[0].host) == ("192.0.2.7", "a-shadow")


async def test_whatever_comes_is_answered_204() -> None:
    """A call over the rate and an odd method are answered as all others are."""
    gate, taken = _gate(rate=1)
    async with _mirror(gate) as client:
        statuses = [
            (await client.request(method, "/")).status_code for method in ("GET", "GET", "PROPFIND", "GET")
        ]
    await gate.flush()
    assert statuses == [204] * 4
    assert (len(taken), gate.counts.dropped["rate"]) == (1, 3)


@pytest.mark.parametrize(
    ("host", "original"),
    [("a-shadow", "a"), ("a-shadow:80", "a:80"), ("a", "a"), ("shadow.example", "shadow.example")],
)
def test_the_word_that_envoy_appends_is_removed(host: str, original: str) -> None:
    """Only the word at the end of the name is Envoy's."""
    assert original_host(host) == original
