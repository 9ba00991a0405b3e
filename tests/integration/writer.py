"""A control plane's ingest as a process of its own, to be killed: `writer.py DIRECTORY PROCESS`.

Reads `sequence` lines on stdin, accepts a batch of ROWS events for each (ids `process-sequence-row`), and
prints the sequence once it is acknowledged. `quit` closes properly.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from starfort.events.ingest import Ingest, Settings
from starfort.store import Store
from starfort.store.sink import event_sink
from tests.support.events import event, stream

ROWS = 40


def batch(process: str, sequence: int) -> bytes:
    """Give a batch whose rows can be told apart."""
    return stream(
        [event(id=f"{process}-{sequence}-{row}", account_hash=f"a{row}", status=401) for row in range(ROWS)]
    )


async def main(directory: Path, process: str) -> None:
    """Serve until told to quit or killed."""
    store = Store.open(directory / "store")
    ingest = Ingest(directory / "spool", event_sink(store), settings=Settings(segment_seconds=0.02))
    await ingest.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    tasks = set()

    async def accept(sequence: int) -> None:
        await ingest.accept("n", process, sequence, batch(process, sequence))
        sys.stdout.write(f"{sequence}\n")
        sys.stdout.flush()

    loop = asyncio.get_running_loop()
    while (line := await loop.run_in_executor(None, sys.stdin.readline)).strip() not in ("", "quit"):
        task = asyncio.create_task(accept(int(line)))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    await asyncio.gather(*tasks)
    await ingest.close()
    store.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
