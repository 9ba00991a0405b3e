"""Taps are read from a folder, and their files are removed."""

import asyncio
import json
import os
from pathlib import Path

from starfort.sources.call import Call
from starfort.sources.live.gate import Gate
from starfort.sources.live.tap import TapFolderSource
from tests.support.sources import TAP


async def test_files_of_a_tap_are_read_and_removed_and_others_stay(tmp_path: Path) -> None:
    """A complete file of a tap is read and removed; a file that is being written and one of others stay."""
    taken: list[Call] = []

    async def deliver(calls: list[Call]) -> None:
        taken.extend(calls)

    done, other, open_ = tmp_path / "a.json", tmp_path / "notes.txt", tmp_path / "b.json"
    done.write_text(json.dumps(TAP))
    other.write_text("keep me\n")
    for path in (done, other):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    open_.write_text(json.dumps(TAP)[:40])
    gate = Gate(100, deliver)
    task = asyncio.create_task(TapFolderSource(tmp_path, gate).run())
    while done.exists():
        assert not task.done(), task
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await gate.flush()
    assert [call.target for call in taken] == [b"/v1/orders/7"]
    assert (other.read_text(), open_.exists(), gate.counts.dropped["unreadable"]) == ("keep me\n", True, 1)
