"""Tells people when detection is behind: one alert, until every detector keeps its beat again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Final

from starfort.alerts.folding.groups import AlertSink, shown
from starfort.alerts.model import Alert, State

KIND: Final = "detection_behind"

KEY: Final = f"health:{KIND}"
"""De-duplication key of the alert. There is one alert for all detectors, because most causes (a slow disk,
too many events) concern all of them."""

BLIND_S: Final = 15.0
"""Age of the newest visible events from which on detection counts as behind. A verdict is promised within 3
s; status shows a lag from 10 s on, and a person is called only when it lasts."""

LASTS_S: Final = 10.0
"""How long detection must be behind before people are told. After a restart, the events that waited come in
within seconds, and nobody needs to know."""

RECOVERED_S: Final = 30.0
"""How long every detector must keep its beat before the alert ends."""

WRITE_EVERY_S: Final = 30.0
"""How often the kept alert is written while it goes on."""


class BeatWatch:
    """Watches whether detectors keep their beat.

    Args:
        alerts: takes the alert, and its figures while it goes on.
        clock: Unix seconds.
    """

    def __init__(self, alerts: AlertSink, clock: Callable[[], float]) -> None:
        self._alerts = alerts
        self._clock = clock
        self._reasons: dict[str, str] = {}
        self._since: float | None = None
        self._began = 0.0
        self._last = 0.0
        self._written = 0.0

    @property
    def behind(self) -> bool:
        """Whether the alert goes on."""
        return bool(self._reasons)

    def look(self, problems: Mapping[str, str]) -> None:
        """Take over the problems of detectors.

        Args:
            problems: why a detector does not keep its beat, by its name. Detectors without a problem are not
                in it.
        """
        now = self._clock()
        if not problems:
            self._since = None
        elif self._since is None:
            self._since = now
        if self._since is not None and (self._reasons or now - self._since >= LASTS_S):
            self._last = now
            # Reasons are only added while the alert goes on: a detector that recovers first was behind too.
            known, self._reasons = self._reasons, {**self._reasons, **problems}
            if not known:
                # The alert began when the trouble began, and not when people were told.
                self._began, self._written = self._since, now
                self._alerts.submit(self._alert("new"))
            elif known.keys() != self._reasons.keys() or now - self._written >= WRITE_EVERY_S:
                self._written = now
                self._alerts.update(self._alert("grew"), tell=False)
        elif self._reasons and self._since is None and now - self._last >= RECOVERED_S:
            self._alerts.update(self._alert("ended"), tell=True)
            self._reasons = {}

    def _alert(self, state: State) -> Alert:
        names = ", ".join(sorted(self._reasons))
        title = f"Detection is behind: {names}"
        if state == "ended":
            title = f"Detection was behind and has recovered: {names}"
        return Alert(
            kind=KIND,
            severity="high",
            title=title,
            subject="detection",
            evidence=shown(sorted(self._reasons.items()), lambda row: {"detector": row[0], "reason": row[1]}),
            time=datetime.fromtimestamp(self._began, UTC),
            dedup_key=KEY,
            last_seen=datetime.fromtimestamp(self._last, UTC),
            members=len(self._reasons),
            state=state,
        )
