"""Episodes: an alert about signals stands for all their keys, from the first one to the end of the last.

All keys that one run of a detector raises for the first time are one episode, which has one alert. A key that
the same detector raises later belongs to that episode when it shares a part with a key of the episode (the
tool or the network of a campaign), or when it comes within one window after the key that joined last: a
campaign that spreads is one thing to look at.

The alert is kept up to date while its episode goes on: the latest figures and times of every key, the highest
score, and the number of keys. Its title has the figures of the window in which its strongest key was largest.
Channels hear of an alert when it is new, when it has become ten times as large (in keys, or in the number
that the title begins with), and when it has ended.

A signal about a window long past makes an episode of the past, which has ended when it is found: one alert
with its times, and no active signal. Past windows that touch an episode belong to it, so nothing is alerted
twice.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from starfort.alerts.folding.groups import AlertSink, and_more, shown
from starfort.alerts.model import Alert, State
from starfort.signals.detector import Detector
from starfort.signals.model import ActiveSignal, Change, Identity, Signal

WRITE_EVERY_S: Final = 5.0
"""Shortest time between two writes of the kept alert of one episode: a campaign changes its figures at every
beat, and the state database is written with fsync."""

GROWTH: Final = 10
"""An episode is worth another message when it is so many times as large as when people were told last."""

ENDED_KEPT: Final = 1000
"""Ended episodes that are remembered: windows that are judged late may show that one began earlier."""

MAX_WRITES: Final = 10
"""Kept alerts that are written in one go. The others follow half a second later, so that a flood of episodes
does not fill the queue of the dispatcher."""

MAX_MEMBERS: Final = 10_000
"""Keys of one episode whose figures are known. Of more, those that joined first and lapsed are only counted:
a campaign over rented addresses may have a million."""

KEY_PREFIX: Final = "signal:"
"""What the de-duplication keys of these alerts begin with; a restart ends those that nobody goes on with."""


@dataclass(slots=True)
class Member:
    """One key of an episode.

    Attributes:
        signal: as it was raised for the latest window.
        first_at: Unix seconds of the first window that it was raised for.
        last_at: Unix seconds of the latest one.
        score: highest score.
        size: largest headline figure.
        headline: its column.
        title: the title of that window.
    """

    signal: Signal
    first_at: float
    last_at: float
    score: float
    size: float
    headline: str
    title: str


@dataclass(slots=True)
class Episode:
    """The keys that one alert stands for.

    Attributes:
        detector: the detector that signals them.
        key: the alert's de-duplication key.
        subject: the alert's subject, its strongest key at the start.
        found: when it was found, UTC.
        members: its keys, also those that lapsed.
        going_on: identities of those that are active.
        joined_at: Unix seconds of the window in which a key joined last.
        parts: the parts of its keys, such as the tool and the network of a campaign.
        forgotten: how many keys are only counted.
        told_size: `size` when people were told last.
        told_members: `count` when people were told last.
        written_at: Unix seconds when its kept alert was written last.
        changed: whether its figures differ from the kept alert.
    """

    detector: Detector
    key: str
    subject: str
    found: datetime
    members: dict[Identity, Member] = field(default_factory=dict)
    going_on: set[Identity] = field(default_factory=set)
    joined_at: float = 0.0
    parts: set[str] = field(default_factory=set)
    forgotten: int = 0
    _began: float = float("inf")
    told_size: float = 0.0
    told_members: int = 0
    written_at: float = 0.0
    changed: bool = False

    @property
    def first_at(self) -> float:
        """Unix seconds of its first window."""
        return self._began

    @property
    def last_at(self) -> float:
        """Unix seconds of its last window."""
        return max(member.last_at for member in self.members.values())

    @property
    def count(self) -> int:
        """How many keys it has had."""
        return len(self.members) + self.forgotten

    @property
    def size(self) -> float:
        """The sum of the largest headline figure of each key."""
        return sum(member.size for member in self.members.values())

    def take(self, signal: Signal, at: float) -> None:
        """Take over one window's figures of one key."""
        self.changed = True
        self._began = min(self._began, at)
        # A signal that a restart restored from a file may have no row of evidence.
        headline, size = self.detector.headline(signal.evidence[0]) if signal.evidence else ("", 0)
        member = self.members.get(signal.identity)
        if member is None:
            self.members[signal.identity] = Member(signal, at, at, signal.score, size, headline, signal.title)
            self.joined_at = max(self.joined_at, at)
            self.parts |= _parts(signal)
            if len(self.members) > MAX_MEMBERS:
                self._forget()
            return
        member.first_at = min(member.first_at, at)
        # A window that was judged late may not replace the figures of a newer one.
        if at >= member.last_at:
            member.signal, member.last_at = signal, at
        member.score = max(member.score, signal.score)
        if size > member.size:
            member.size, member.headline, member.title = size, headline, signal.title

    def touches(self, at: float) -> bool:
        """Whether a window that ends at a time overlaps it."""
        window_s = self.detector.spec.window.total_seconds()
        return self.first_at - window_s <= at <= self.last_at + window_s

    def began_by(self, at: float) -> None:
        """Note that it began at a time, in Unix seconds, or before."""
        self._began = min(self._began, at)

    def _forget(self) -> None:
        """Forget the figures of a tenth of the keys: those that joined first and lapsed.

        A tenth at once, because finding them means going through all keys.
        """
        lapsed = [identity for identity in self.members if identity not in self.going_on]
        for identity in lapsed[: MAX_MEMBERS // 10]:
            self.parts -= _parts(self.members.pop(identity).signal)
            self.forgotten += 1
        # Parts are collected anew, because a key that stays may share a part with a forgotten one.
        for member in self.members.values():
            self.parts |= _parts(member.signal)

    def akin(self, signal: Signal) -> bool:
        """Whether a key shares a part with one of its own: a campaign's tool, JA4 or network."""
        return not self.parts.isdisjoint(_parts(signal))

    def grew(self) -> bool:
        """Whether it is ten times as large as when people were told last."""
        return self.count >= GROWTH * self.told_members or self.size >= GROWTH * self.told_size > 0

    def told(self) -> None:
        """Remember the size that people were told."""
        self.told_size, self.told_members = self.size, self.count

    def alert(self, state: State) -> Alert:
        """The alert as it is now."""
        # The strongest key comes first: the alert has its title, and its figures are the first row.
        ranked = sorted(self.members.values(), key=lambda member: (-member.score, -member.size))
        return Alert(
            kind=self.detector.spec.kind,
            severity=self.detector.spec.severity,
            title=and_more(ranked[0].title, self.count),
            subject=self.subject,
            evidence=shown(ranked, _row),
            time=self.found,
            dedup_key=self.key,
            first_seen=_time(self.first_at),
            last_seen=_time(self.last_at),
            score=round(ranked[0].score, 4),
            members=self.count,
            state=state,
        )


def _parts(signal: Signal) -> frozenset[str]:
    """The parts of a key. A campaign's key names a tool and a network, which may be keys of their own."""
    if signal.key_type != "campaign":
        return frozenset({f"{signal.key_type}={signal.key}"})
    tool, _, rest = signal.key.partition("|")
    ja4, _, network = rest.partition("|")
    # network 0 stands for addresses without a known AS, which have nothing in common
    named = {"fingerprint": tool, "ja4": ja4, "network": f"asn:{network}" if network not in ("", "0") else ""}
    return frozenset(f"{kind}={value}" for kind, value in named.items() if value)


def _row(member: Member) -> dict[str, object]:
    signal = member.signal
    figures = signal.evidence[0] if signal.evidence else {}
    most = {f"most_{member.headline}": member.size} if member.headline else {}
    return {
        "key_type": signal.key_type,
        "key": signal.key,
        "score": round(signal.score, 3),
        "highest_score": round(member.score, 3),
        "first_seen": _time(member.first_at).isoformat(timespec="seconds"),
        "last_seen": _time(member.last_at).isoformat(timespec="seconds"),
        **figures,
        **most,
    }


def _time(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)


class Episodes:
    """Every episode that goes on, and those that ended of late.

    Args:
        alerts: takes new alerts, and new figures of those that go on.
        clock: Unix seconds.
    """

    def __init__(self, alerts: AlertSink, clock: Callable[[], float]) -> None:
        self._alerts = alerts
        self._clock = clock
        self._of: dict[Identity, Episode] = {}
        self._open: list[Episode] = []
        self._ended: deque[Episode] = deque(maxlen=ENDED_KEPT)

    @property
    def keys(self) -> set[str]:
        """De-duplication keys of the alerts whose episodes go on."""
        return {episode.key for episode in self._open}

    def restore(self, detectors: Iterable[Detector], active: Iterable[ActiveSignal]) -> None:
        """Go on with the episodes of signals that a restart kept. Channels get no message about them."""
        known = {detector.name: detector for detector in detectors}
        by_key: dict[str, Episode] = {}
        for signal in active:
            detector = known.get(signal.signal.detector)
            if detector is None or not signal.alert:
                continue
            episode = by_key.get(signal.alert)
            if episode is None:
                episode = by_key[signal.alert] = self._begin(detector, signal.signal, key=signal.alert)
            self._join(episode, signal)
            # the table keeps the peak over the restart, and the latest signal has only its own score
            episode.members[signal.signal.identity].score = signal.peak_score
        for episode in by_key.values():
            episode.told()

    def take(self, detector: Detector, change: Change, at: float) -> None:
        """Take over what one window came to.

        Args:
            detector: whose.
            change: what the table made of its signals.
            at: Unix seconds of the window's end.
        """
        new = {active.signal.identity for active in change.new}
        started: Episode | None = None
        # The strongest key first, so that it gives a new episode its subject and its key.
        for active in sorted(change.held, key=lambda active: -active.signal.score):
            identity = active.signal.identity
            episode = self._of.get(identity) or self._akin(detector, active.signal, at)
            if episode is None:
                episode = started or self._begin(detector, active.signal)
                if identity in new:
                    started = episode
                else:
                    # it was active before it had an alert of its own, so there is nothing new to tell
                    episode.told()
            if identity in self._of:
                episode.take(active.signal, at)
            else:
                self._join(episode, active, at)
        # One alert after all keys of the run have joined, so that the first message has all of them.
        if started is not None:
            started.told()
            started.changed, started.written_at = False, self._clock()
            self._alerts.submit(started.alert("new"))
        self._take_past(detector, change.past, at)
        self._tell_growth(detector)

    def _begin(self, detector: Detector, signal: Signal, key: str = "") -> Episode:
        subject = f"{signal.key_type}={signal.key}"
        episode = Episode(
            detector,
            key or f"{KEY_PREFIX}{detector.name}:{signal.key_type}:{signal.key}",
            subject,
            _time(self._clock()),
        )
        self._open.append(episode)
        return episode

    def _join(self, episode: Episode, active: ActiveSignal, at: float | None = None) -> None:
        identity = active.signal.identity
        active.alert = episode.key
        self._of[identity] = episode
        episode.going_on.add(identity)
        episode.take(active.signal, active.last_at if at is None else at)
        member = episode.members[identity]
        member.first_at = min(member.first_at, active.first_at)
        episode.began_by(active.first_at)

    def _akin(self, detector: Detector, signal: Signal, at: float) -> Episode | None:
        """The episode that a key belongs to although it is not among the keys of that episode yet."""
        window_s = detector.spec.window.total_seconds()
        mine = [
            episode for episode in self._open if episode.detector.name == detector.name and episode.members
        ]
        # A shared part says more than a time that fits, so all episodes are asked for it first.
        for episode in mine:
            if episode.akin(signal):
                return episode
        return next((episode for episode in mine if abs(at - episode.joined_at) <= window_s), None)

    def _take_past(self, detector: Detector, signals: list[Signal], at: float) -> None:
        """Take over signals that lapsed before they were found."""
        past: Episode | None = None
        for signal in sorted(signals, key=lambda signal: -signal.score):
            episode = self._touched(detector, signal, at)
            if episode is None:
                if past is None:
                    # it has lapsed already, so it never goes on
                    past = self._begin(detector, signal)
                    self._open.remove(past)
                    self._ended.append(past)
                past.take(signal, at)
            else:
                episode.take(signal, at)
                if episode not in self._open and episode is not past:
                    self._write(episode, "ended", tell=False)
        if past is not None:
            past.told()
            past.changed = False
            self._alerts.submit(past.alert("ended"))

    def _touched(self, detector: Detector, signal: Signal, at: float) -> Episode | None:
        """The episode that a past window's key belongs to."""
        for episode in (*self._open, *self._ended):
            if (
                episode.detector.name == detector.name
                and episode.members
                and episode.touches(at)
                and (signal.identity in episode.members or episode.akin(signal))
            ):
                return episode
        return None

    def _tell_growth(self, detector: Detector) -> None:
        for episode in self._open:
            if episode.detector.name == detector.name and episode.changed and episode.grew():
                episode.told()
                self._write(episode, "grew", tell=True)

    def _write(self, episode: Episode, state: State, *, tell: bool) -> None:
        episode.changed, episode.written_at = False, self._clock()
        self._alerts.update(episode.alert(state), tell=tell)

    def lapse(self, cleared: Iterable[ActiveSignal]) -> None:
        """Signals lapsed or were lifted; an episode whose last one did has ended."""
        for active in cleared:
            identity = active.signal.identity
            episode = self._of.pop(identity, None)
            if episode is None:
                continue
            episode.going_on.discard(identity)
            if not episode.going_on:
                self._open.remove(episode)
                self._ended.append(episode)
                self._write(episode, "ended", tell=True)

    def write(self) -> None:
        """Bring the kept alerts of what goes on up to date, each every few seconds at most."""
        now = self._clock()
        due = [
            episode for episode in self._open if episode.changed and now - episode.written_at >= WRITE_EVERY_S
        ]
        # those that waited longest first, so that no episode starves among many
        for episode in sorted(due, key=lambda episode: episode.written_at)[:MAX_WRITES]:
            self._write(episode, "grew", tell=False)
