"""Whether there is anything new to look at."""

from __future__ import annotations

from starfort.runtime.changes import CERTAIN_EVERY_S, LOOKS_ON_S, ChangeWatch


def test_nothing_new_is_looked_at_once_a_minute() -> None:
    """After the last change a beat looks on for a while, then once a minute; a change makes it look at once."""
    rows = 1
    news = ChangeWatch(lambda: rows)
    looked = [second for second in range(0, 200, 2) if news.due(float(second))]
    assert [second for second in looked if second < LOOKS_ON_S] == list(range(0, int(LOOKS_ON_S) + 1, 2))
    rest = [second for second in looked if second >= LOOKS_ON_S]
    assert len(rest) == (200 - LOOKS_ON_S) // CERTAIN_EVERY_S
    rows = 2
    assert news.due(201.0)
    assert news.due(202.0)
