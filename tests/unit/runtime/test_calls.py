"""Stopping with requests under way."""

import asyncio
from typing import Any

import pytest

from starfort.runtime.calls import Calls

HTTP = {"type": "http", "path": "/"}


class Client:
    """Keeps what it is sent."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []

    async def send(self, message: dict[str, Any]) -> None:
        """Take a message."""
        self.messages.append(message)

    async def receive(self) -> dict[str, Any]:
        """Say nothing more."""
        return {"type": "http.request", "body": b"", "more_body": False}


async def started(calls: Calls, client: Client, scope: dict[str, Any], begun: asyncio.Event) -> Any:
    """A request that has reached the application."""
    task = asyncio.ensure_future(calls(scope, client.receive, client.send))
    await begun.wait()
    return task


async def test_a_long_poll_is_refused_when_the_time_is_up() -> None:
    """A request without an answer ends with 503 and without an error."""
    begun = asyncio.Event()

    async def waits_forever(_: Any, __: Any, ___: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    calls, client = Calls(waits_forever), Client()
    task = await started(calls, client, HTTP, begun)
    await calls.end(0.01)
    await task
    assert [message.get("status") for message in client.messages] == [503, None]


async def test_an_answer_under_way_is_finished() -> None:
    """What ends within the grace ends as it would have."""
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def answers(_: Any, __: Any, send: Any) -> None:
        begun.set()
        await go_on.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    calls, client = Calls(answers), Client()
    task = await started(calls, client, HTTP, begun)
    ending = asyncio.ensure_future(calls.end(30))
    go_on.set()
    await asyncio.gather(ending, task)
    assert client.messages[0]["status"] == 200


async def test_a_begun_answer_is_cut_and_not_answered_twice() -> None:
    """After the head of an answer no second one follows."""
    begun = asyncio.Event()

    async def streams(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        begun.set()
        await asyncio.Event().wait()

    calls, client = Calls(streams), Client()
    task = await started(calls, client, HTTP, begun)
    await calls.end(0.01)
    await task
    assert len(client.messages) == 1


async def test_a_web_socket_ends_quietly() -> None:
    """A WebSocket that does not end by itself is ended, and nothing is sent on it."""
    begun = asyncio.Event()

    async def listens(_: Any, __: Any, ___: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    calls, client = Calls(listens), Client()
    task = await started(calls, client, {"type": "websocket", "path": "/"}, begun)
    await calls.end(0.01)
    await task
    assert client.messages == []


async def test_an_error_of_the_application_is_its_own() -> None:
    """Errors reach the server, which logs them."""

    async def fails(_: Any, __: Any, ___: Any) -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await Calls(fails)(HTTP, Client().receive, Client().send)


async def test_a_cancelled_request_cancels_its_work() -> None:
    """A server that cancels a request ends what it does."""
    begun, ended = asyncio.Event(), asyncio.Event()

    async def waits(_: Any, __: Any, ___: Any) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    client = Client()
    task = await started(Calls(waits), client, HTTP, begun)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 10)
