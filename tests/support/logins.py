"""Log-ins through the real engine, store and detectors, without Envoy and by a clock of the test's own.

`World.login` sends one log-in through the engine; its event reaches the store with the second, detectors judge the
store each second, and what they signal reaches the engine: what `starfort up` does, in one thread.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import yaml
from mmdb_writer import MMDBWriter
from netaddr import IPSet  # type: ignore[import-untyped]

from starfort import bundle
from starfort._engine import Engine
from starfort.compile import compile_config
from starfort.config import load
from starfort.signals.detector import Detector
from starfort.signals.model import Change, Signal
from starfort.signals.query import signals_of
from starfort.signals.table import SignalTable
from starfort.store import Store
from tests.support.callers import builtin
from tests.support.events import event, stream

if TYPE_CHECKING:
    from starfort._engine import SignalDescription, SignalKey

LAG_S: Final = 1.0
"""From an event to the store: the filter's batch, the ingest's segment and the insert."""

CONFIG: Final = """
version: 1
node: edge-1
listeners: [{name: public, address: 127.0.0.1:8080}]
upstreams: [{name: shop, addresses: [127.0.0.1:9001]}]
trusted_proxies: [127.0.0.1/32]
apis:
  - name: shop
    hosts: [shop.example]
    upstream: shop
    endpoints:
      - {match: POST /login, labels: [login], login: {username: email, password: password}}
responses:
  - {name: login-failed, status: 401, body: '{"error":"invalid credentials"}'}
policies:
  - name: stop-stuffing
    when: '"login" in endpoint.labels && signals.credential_stuffing.score > 0.8'
    action: {deceive: login-failed}
    mode: enforce
  - name: stop-spraying
    when: '"login" in endpoint.labels && signals.password_spraying.score > 0.7'
    action: {deceive: login-failed}
    mode: enforce
"""


def networks(path: Path) -> bytes:
    """A database of networks: 10.X.Y.0/24 has the number 100000 + 256 X + Y; other addresses have none."""
    writer = MMDBWriter(6, "GeoLite2-ASN", languages=["en"], description="tests", ipv4_compatible=True)
    for number in range(2048):
        writer.insert_network(
            IPSet([f"10.{number // 256}.{number % 256}.0/24"]),
            {"autonomous_system_number": 100_000 + number, "autonomous_system_organization": f"Net {number}"},
        )
    writer.to_db_file(str(path))
    return path.read_bytes()


def made_engine(folder: Path) -> Engine:
    """The engine of `CONFIG`, with `networks`."""
    config = yaml.safe_load(CONFIG) | {"data_dir": str(folder / "data")}
    file = folder / "starfort.yaml"
    file.write_text(yaml.safe_dump(config), encoding="utf-8")
    kinds = ["credential_stuffing", "password_spraying"]
    compiled = compile_config(load(file), hash_key=bytes(range(32)), signal_kinds=kinds)
    return Engine(bundle.encode(compiled.bundle), asn=networks(folder / "asn.mmdb"))


@dataclass(frozen=True)
class Caller:
    """A caller who logs in: an account with its password, from an address, with a tool.

    Attributes:
        tool: names of the headers that the tool sends, in its order.
    """

    account: str
    password: str
    address: str
    tool: Sequence[str]
    agent: str = "Mozilla/5.0"


@dataclass
class Told:
    """The results of log-ins: of those with the right password, and of all others."""

    right: int = 0
    lost: int = 0
    wrong: int = 0
    stopped: int = 0
    first_stopped: float | None = None


@dataclass
class World:
    """Engine, store and detectors under one clock.

    Attributes:
        now: Unix seconds.
        broken: whether the log-in service fails for everybody.
    """

    store: Store
    engine: Engine
    now: float
    kinds: Sequence[str] = ("credential_stuffing",)
    broken: bool = False
    every_s: int = 1
    people: Told = field(default_factory=Told)
    campaign: Told = field(default_factory=Told)
    raised: set[tuple[str, str, str]] = field(default_factory=set)
    _rows: list[dict[str, Any]] = field(default_factory=list)
    _due: float = 0.0

    def __post_init__(self) -> None:
        self.detectors = [builtin(kind) for kind in self.kinds]
        self.table = SignalTable(clock=lambda: self.now)
        self._due = self.now + 1

    @classmethod
    def made(cls, store: Store, folder: Path, start: dt.datetime, **more: Any) -> World:
        """A world in a folder of its own."""
        engine = made_engine(folder)
        return cls(store, engine, start.timestamp(), **more)

    def login(self, caller: Caller, *, right: bool, of: Told) -> bool:
        """Log in now. Returns whether it succeeded.

        Args:
            caller: who.
            right: whether the password is right.
            of: where it is counted.
        """
        ok = right and not self.broken  # a service that fails refuses the right ones too
        body = f'{{"email": "{caller.account}", "password": "{caller.password}"}}'
        headers = [("Host", "shop.example"), ("X-Forwarded-For", caller.address)]
        headers += [(name, caller.agent if name == "User-Agent" else "x") for name in caller.tool]
        told = self.engine.explain(
            {
                "method": "POST",
                "url": "https://shop.example/login",
                "headers": [*headers, ("Content-Type", "application/json")],
                "body": body,
                "response": {"status": 200 if ok else 401},
            },
            now_ms=round(self.now * 1000),
        )
        row: dict[str, Any] = dict(told["event"])
        row["time"] = dt.datetime.fromtimestamp(row["time"] / 1e6, dt.UTC)
        self._rows.append(event(**row))
        stopped = told["action"] != "allow"
        if right:
            of.right += not self.broken
            of.lost += stopped and not self.broken
        else:
            of.wrong += 1
            of.stopped += stopped
        if stopped and of.first_stopped is None:
            of.first_stopped = self.now
        return ok and not stopped

    def pass_time(self, until: float, *, judge: bool = True) -> None:
        """Move the clock; detectors judge at each full beat in between."""
        while self._due <= until:
            self.now = self._due
            if judge:
                self._store(self.now - LAG_S)
                self._judge()
            self._due += self.every_s
        self.now = until

    def _store(self, until: float) -> None:
        ready = [row for row in self._rows if row["time"].timestamp() <= until]
        self._rows = [row for row in self._rows if row["time"].timestamp() > until]
        if ready:
            self.store.insert_arrow(stream(ready))

    def _judge(self) -> None:
        at = dt.datetime.fromtimestamp(self.now, dt.UTC)
        for detector in self.detectors:
            signals = self._run(detector, at)
            self.raised |= {signal.identity for signal in signals if signal.score > 0}
            self._tell(self.table.merge(signals))
            self._tell(self.table.expire())

    def _run(self, detector: Detector, until: dt.datetime) -> list[Signal]:
        """Run one detector, however long a busy machine takes: the tests are about its decision, not its speed."""
        parameters = detector.parameters(until)
        patient = " SETTINGS max_execution_time = 60, enable_materialized_cte = 1"
        gate = detector.gate
        if gate and not self.store.query(f"SELECT * FROM ({gate}) LIMIT 1{patient}", parameters):
            return []
        return signals_of(detector, self.store.query(f"SELECT * FROM ({detector.sql}){patient}", parameters))

    def _tell(self, change: Change) -> None:
        set_, clear = self.table.wire(change)
        told = cast("list[SignalDescription]", set_)
        self.engine.signals(told, clear=cast("list[SignalKey]", clear), now_ms=round(self.now * 1000))


def browser(name: str) -> list[str]:
    """Headers of a tool of its own: tests in one store do not see each other's tools."""
    return ["User-Agent", "Accept", f"Sec-Ch-Ua-{name}", "Accept-Language", "Accept-Encoding"]


def at(network: int, host: int) -> str:
    """An address of a network of `networks`."""
    return f"10.{network // 256}.{network % 256}.{host}"


@dataclass
class Crowd:
    """People who log in at random moments, each from an own address with the own password; some mistype first.

    Attributes:
        rate: log-ins a second.
        mistype: share that types a wrong password first.
    """

    callers: Sequence[Caller]
    rate: float
    mistype: float = 1 / 12
    seed: int = 7

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 (a test repeats)
        self._next: float | None = None

    def act(self, world: World) -> None:
        """Do everything that is due now."""
        if self._next is None:
            self._next = world.now + self.random.expovariate(self.rate)
        while self._next <= world.now:
            self._next += self.random.expovariate(self.rate)
            caller = self.random.choice(self.callers)
            if self.random.random() < self.mistype:
                wrong = f"mistyped-{self.random.random()}"
                world.login(
                    Caller(caller.account, wrong, caller.address, caller.tool), right=False, of=world.people
                )
            world.login(caller, right=True, of=world.people)


@dataclass
class Retrying(Crowd):
    """People who try twice more, 3 s apart, when they do not get in."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self._again: list[tuple[float, Caller, int]] = []

    def act(self, world: World) -> None:
        """Do everything that is due now."""
        if self._next is None:
            self._next = world.now + self.random.expovariate(self.rate)
        due = [(caller, left) for when, caller, left in self._again if when <= world.now]
        self._again = [entry for entry in self._again if entry[0] > world.now]
        while self._next <= world.now:
            self._next += self.random.expovariate(self.rate)
            due.append((self.random.choice(self.callers), 2))
        for caller, left in due:
            if not world.login(caller, right=True, of=world.people) and left:
                self._again.append((world.now + 3, caller, left - 1))


@dataclass
class Campaign:
    """Leaked accounts, each tried once.

    Attributes:
        rate: attempts a second.
        members: address and tool of each member, taken in turn.
        hits: share of passwords that are right.
    """

    members: Sequence[tuple[str, Sequence[str]]]
    rate: float
    hits: float = 0.0
    agents: int = 1
    seed: int = 11

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 (a test repeats)
        self._next: float | None = None
        self._tried = 0

    def act(self, world: World) -> None:
        """Do everything that is due now."""
        if self._next is None:
            self._next = world.now
        while self._next <= world.now:
            self._next += 1 / self.rate
            address, tool = self.members[self._tried % len(self.members)]
            leaked = f"leaked-{self.seed}-{self._tried}"
            agent = f"Agent/{self._tried % self.agents}"
            caller = Caller(leaked, f"pw-{leaked}", address, tool, agent)
            hit = self.random.random() < self.hits
            world.login(caller, right=hit, of=Told() if hit else world.campaign)
            self._tried += 1


def play(
    world: World,
    seconds: float,
    actors: Iterable[Crowd | Campaign],
    *,
    judge: bool = True,
    step_s: float = 0.05,
) -> None:
    """Let all callers act for some time."""
    everybody = list(actors)
    end = world.now + seconds
    while world.now < end - 1e-6:
        for actor in everybody:
            actor.act(world)
        world.pass_time(min(end, world.now + step_s), judge=judge)
