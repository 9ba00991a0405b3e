"""The demo: what it promises, what its people do, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import gc
import random
import time
import warnings
from collections import Counter, deque
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from examples.demo import run
from examples.demo.proof import Api, MissingProofError, Proof, Stories
from examples.demo.run import Play, Ports
from examples.demo.traffic import Traffic, mistyped
from examples.shop.serve import password_of

PORTS = Ports(8080, 9443, 9001, 9002, 9003)


def traffic(**fields: Any) -> Traffic:
    """Traffic that sent nothing yet."""
    found = SimpleNamespace(
        answered_by={"abroad": Counter(), "home": Counter()}, attempts=deque(), logins=Counter(), counts={}
    )
    for name, value in fields.items():
        setattr(found, name, value)
    return cast("Traffic", found)


class Answers(Api):
    """An API that answers what it is told to."""

    def __init__(self, **lists: list[dict[str, Any]]) -> None:
        self.lists = lists

    async def items(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """The items that were given for a path."""
        del query
        return self.lists.get(path.strip("/"), [])


def moment(seconds: float) -> str:
    """A time as the API gives it."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()


def test_people_mistype_different_passwords() -> None:
    """A slip is never the password, and no wrong password is common to many, or it would be spraying."""
    pick = random.Random(7)  # noqa: S311
    slips = [mistyped(password_of(number), pick) for number in range(500)]
    assert [slip for number, slip in enumerate(slips) if slip == password_of(number)] == []
    assert max(Counter(slips).values()) == 1


def test_a_stopped_campaign_is_proved_with_its_time() -> None:
    """From the first attempt to the first event that Starfort answered, and how many came before; the latest does not count."""
    begun = time.time() - 5
    sent = deque(begun + 0.1 * number for number in range(50))
    api = Answers(
        events=[{"time": moment(begun + 4)}, {"time": moment(begun + 2.61)}, {"time": moment(begun - 60)}],
        alerts=[{"id": "a1"}],
    )
    proof = asyncio.run(Stories(api, traffic(attempts=sent)).campaign_stopped(begun, 1))
    assert proof == Proof("stopped 2.6 s after the first attempt; 27 attempts reached the shop", "/alerts/a1")


def test_a_campaign_that_is_still_known_is_not_called_fast() -> None:
    """A second campaign within the signal's life is stopped at once, and the proof says why."""
    begun = time.time() - 1
    api = Answers(events=[{"time": moment(begun)}])
    proof = asyncio.run(Stories(api, traffic()).campaign_stopped(begun, 1))
    assert "still knows this campaign" in proof.text
    assert proof.path == "/policies/stop-stuffing"


def test_what_does_not_happen_is_not_proved() -> None:
    """Without an event of it there is no proof, but a sentence about what was waited for."""
    api = Answers(events=[{"time": moment(time.time() - 600)}])
    with pytest.raises(MissingProofError, match="the campaign stopped: not within 0 s"):
        asyncio.run(Stories(api, traffic()).campaign_stopped(time.time(), 0.1))


def test_a_version_is_proved_by_its_first_call() -> None:
    """The endpoint that was called first, its template learned; kept data is said to be."""
    now = time.time()
    rows = [
        {"id": "b", "method": "GET", "path": "/v2/customers/17", "first_seen": moment(now - 9)},
        {"id": "c", "method": "GET", "path": "/v2/customers/{id}", "first_seen": moment(now - 3)},
    ]
    stories = Stories(Answers(catalogue=rows), traffic())
    proof = asyncio.run(stories.version_in_the_catalogue(now - 3, 1))
    assert proof.text.startswith("GET /v2/customers/{id} is in the catalogue, new and undocumented, 3.")
    assert proof.path == "/catalogue/c"
    kept = asyncio.run(stories.version_in_the_catalogue(now, 1))
    assert "known from before" in kept.text


def test_the_bank_counts_who_answered() -> None:
    """Calls from home that were answered before the burst do not count."""
    answered = {"abroad": Counter({"fraud-desk": 9, "nobody (status 503)": 1}), "home": Counter({"bank": 25})}
    assert Stories(Answers(), traffic(answered_by=answered)).diverted(20).text == (
        "9 of 10 calls from abroad went to the fraud desk; 5 of 5 from home meanwhile to the bank"
    )


async def _cancelled(play: Play) -> None:
    """Begin, and stop before anything of it had its turn, then in the middle."""
    for pause in (0.0, 0.05):
        task = asyncio.ensure_future(play.run())
        scene = asyncio.ensure_future(play.social_network(5))
        await asyncio.sleep(pause)
        for each in (task, scene):
            each.cancel()
        await asyncio.gather(task, scene, return_exceptions=True)


def test_interrupting_leaves_no_coroutine_behind(capsys: pytest.CaptureFixture[str]) -> None:
    """Ctrl-C at any moment: nothing that was begun or announced is reported as never awaited."""

    async def nothing(*_: Any, **__: Any) -> None:
        await asyncio.sleep(0)

    acts = dict.fromkeys(("person", "crawl", "scrape", "inject", "ofx", "stuff", "use_version_2"), nothing)
    callers = traffic(**acts)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(_cancelled(Play(PORTS, callers, Stories(Answers(), callers))))
        gc.collect()
    assert "never awaited" not in capsys.readouterr().err


def test_data_is_fresh_unless_it_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last demo's data goes at the next start; `--keep` keeps it. Two demos never share it."""
    monkeypatch.setattr(run, "FOLDER", tmp_path)
    monkeypatch.setattr(run, "DATA", tmp_path / "var")
    monkeypatch.setattr(run, "starfort_command", lambda: "true")
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "old").touch()

    async def start_twice() -> None:
        async with contextlib.AsyncExitStack() as stack:
            run.hold_folder(stack)
            await run.make_room(keep=True)
            assert (tmp_path / "var" / "old").exists()
            await run.make_room(keep=False)
            assert not (tmp_path / "var").exists()
            with pytest.raises(SystemExit, match="another demo runs"):
                run.hold_folder(stack)
        async with contextlib.AsyncExitStack() as stack:
            run.hold_folder(stack)

    asyncio.run(start_twice())
