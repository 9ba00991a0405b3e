"""A seeded installation: a real runtime whose store, signals and alerts are filled with generated traffic.

The same seed gives the same estate but for the times, which end now. `hostile` puts texts into it that attackers
choose: markup in paths, user agents and subjects.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import functools
import hashlib
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faker import Faker
from fastapi import FastAPI

from starfort.alerts.model import Alert
from starfort.catalogue import Catalogue, Endpoint, endpoint_id
from starfort.catalogue.schemas.schemas import Schemas
from starfort.posture.board import PostureBoard
from starfort.posture.checks import Checks
from starfort.posture.configured import Configured
from starfort.posture.finding import PostureFinding
from starfort.runtime import NodeStatus, PolicyStatus, ReloadResult, Runtime, Status
from starfort.runtime.catalogue import CatalogueFeed
from starfort.runtime.status import ConfigStatus, DetectorStatus, EnvoyStatus, StoreStatus
from starfort.runtime.toolchain import Toolchain
from starfort.signals.detector import Detector
from starfort.signals.model import Signal
from starfort.store import Store
from starfort.visibility.catalogue_checks import CATALOGUE_CHECKS
from tests.support.callers import builtin
from tests.support.checks import CHECKS
from tests.support.control import QuietProxy, SteeredAssembly
from tests.support.events import event, stream

HOSTILE_PATH = "/<script>window.pwned=1</script>/<img src=x onerror=window.pwned=2>"
HOSTILE_AGENT = "\"><img src=x onerror=window.pwned=3>{{constructor.constructor('window.pwned=4')()}}"
HOSTILE_SUBJECT = "</script><script>window.pwned=5</script>`${window.pwned=6}`"

MATCHED = "9' OR 'a{6}'='a{6}"
MARKUP = "941100 XSS at ARGS:q: <script>alert(9)</script>"
MATCH = json.dumps(
    {
        "rule": 942100, "message": "SQL Injection Attack Detected via libinjection", "severity": "critical",
        "variable": "ARGS:q", "value": MATCHED,
    }
)  # fmt: skip
HOSTILE_MATCH = json.dumps(
    {
        "rule": 941100, "message": "<script>window.pwned=8</script>", "severity": "<b>critical</b>",
        "variable": "ARGS:<img src=x onerror=window.pwned=9>", "value": "<script>alert(9)</script>{{9*9}}",
    }
)  # fmt: skip

SMALL = [
    ("shop", "shop.example.com", "GET", "/v1/products"),
    ("shop", "shop.example.com", "GET", "/v1/products/{id}"),
    ("shop", "shop.example.com", "POST", "/v1/login"),
    ("shop", "shop.example.com", "GET", "/v1/orders/{id}"),
    ("shop", "shop.example.com", "POST", "/v1/orders"),
    ("shop", "shop.example.com", "GET", "/v2/customers/{id}/export"),
    ("bank", "bank.example.com", "POST", "/ofx"),
    ("bank", "bank.example.com", "GET", "/accounts/{id}/statement"),
    ("social", "api.social.example", "POST", "/login"),
    ("social", "api.social.example", "GET", "/feed"),
]
_NOUNS = [
    "accounts", "addresses", "baskets", "campaigns", "cards", "carts", "catalogues", "claims", "contracts", "coupons",
    "credits", "customers", "deliveries", "devices", "documents", "employees", "events", "exports", "feeds", "files",
    "groups", "imports", "invoices", "items", "jobs", "ledgers", "limits", "loans", "members", "messages", "notes",
    "offers", "orders", "partners", "payments", "payouts", "plans", "policies", "prices", "products", "profiles",
    "quotes", "ratings", "refunds", "reports", "returns", "reviews", "roles", "sessions", "shipments", "stocks",
    "stores", "subscriptions", "suppliers", "tasks", "taxes", "teams", "tickets", "transfers", "users", "wallets",
]  # fmt: skip
_COUNTRIES = [("US", 7922, "Comcast"), ("DE", 3320, "Deutsche Telekom"), ("GB", 2856, "British Telecom"),
              ("FR", 3215, "Orange"), ("JP", 4713, "NTT"), ("BR", 26599, "Vivo")]  # fmt: skip
_KEEP = 5000


def places(count: int) -> list[tuple[str, str, str, str]]:
    """API, host, method and template of `count` endpoints; the first ten are always the same."""
    rows = list(SMALL[:count])
    hosts = [
        f"{name}.example.com"
        for name in ("shop", "bank", "partners", "internal", "mobile", "cdn", "hr", "crm")
    ]
    number = 0
    while len(rows) < count:
        host = hosts[number % len(hosts)]
        noun, inner = _NOUNS[(number // 8) % len(_NOUNS)], _NOUNS[(number // 97) % len(_NOUNS)]
        shape = ("/v1/{n}", "/v1/{n}/{{id}}", "/v2/{n}/{{id}}/{i}", "/v2/{n}/{{id}}/{i}/{{item}}")[
            (number // 3) % 4
        ]
        method = ("GET", "POST", "PUT", "DELETE", "PATCH")[(number // 11) % 5]
        row = (host.split(".")[0], host, method, shape.format(n=noun, i=inner))
        number += 1
        if row not in rows[-600:] and not (number % 7 and row in rows):
            rows.append(row)
    return list(dict.fromkeys(rows))


class SeededCatalogue(CatalogueFeed):
    """The catalogue of an estate: its endpoints and what checks found in them.

    Args:
        estate: has both.
    """

    def __init__(self, estate: Estate) -> None:
        self._estate = estate
        self.board = PostureBoard(estate.store, estate.parts.state)
        self.board.declare(Configured(), Checks(list(CHECKS.values()), CATALOGUE_CHECKS))

    def endpoints(self) -> Sequence[Endpoint]:
        """Every endpoint."""
        return self._estate.known

    def findings(self) -> Sequence[PostureFinding]:
        """What is wrong with them."""
        return self._estate._findings()

    @functools.cached_property
    def catalogue(self) -> Catalogue:  # type: ignore[override]  # made only where it is asked for
        """A catalogue that has the endpoints and reads no events."""
        made = Catalogue(self._estate.store, self._estate.parts.state)
        for row in self._estate.known:
            made._book(row.api).endpoints[row.id] = row
        made._publish()
        return made

    @functools.cached_property
    def schemas(self) -> Schemas:  # type: ignore[override]  # made only where it is asked for
        """Schemas of its endpoints: none, since no shape was read."""
        return Schemas(self._estate.store, self._estate.parts.state, self.catalogue)


_CONFIG = {
    "version": 1,
    "node": "edge-1",
    "listeners": [{"name": "public", "address": "127.0.0.1:8080"}],
    "upstreams": [{"name": "app", "addresses": ["127.0.0.1:9001"]}],
    "apis": [{"name": "shop", "upstream": "app"}],
    "rules": {"sets": [], "api_rules": False},
    "admin": {"address": "127.0.0.1:0", "hosts": ["starfort.test"]},
}


class Estate(Runtime):
    """A seeded installation: a runtime that never starts.

    Args:
        data_dir: where everything goes.
        endpoints: how many the catalogue has.
        events: how many events of ordinary traffic; attacks come on top.
        hostile: put attackers' texts in.
        store: an open store to use; without it one is made in `data_dir`.
    """

    def __init__(
        self,
        data_dir: Path,
        endpoints: int,
        events: int = 12_000,
        *,
        hostile: bool = False,
        store: Store | None = None,
    ) -> None:
        self.random = random.Random(7)  # noqa: S311  (the same estate each time)
        self.faker = Faker()
        self.faker.seed_instance(7)
        self.now = dt.datetime.now(dt.UTC)
        self.started_at = time.time() - 86_400 * 3
        path = data_dir / "starfort.yaml"
        path.write_text(json.dumps(_CONFIG | {"data_dir": str(data_dir)}))
        assembly = SteeredAssembly(
            path, lambda _: FastAPI(), Toolchain(), store or Store.open(data_dir / "ch"), QuietProxy()
        )
        # An estate is a runtime that was made and never started: it has every part of a real one.
        vars(self).update(vars(assembly.runtime()))
        self.known = [self._known(number, *row) for number, row in enumerate(places(endpoints))]
        self.catalogue = SeededCatalogue(self)
        self.hostile = hostile
        self.people = [self._person() for _ in range(160)]
        if endpoints:
            self._traffic(events)
            self._raise_alerts()

    def configure_admin(self, **settings: object) -> None:
        """Bring a changed `admin` section into force."""
        loaded = self.parts.configuration.built.loaded
        admin = loaded.config.admin.model_copy(update=settings)
        loaded.config = loaded.config.model_copy(update={"admin": admin})

    def close(self) -> None:
        """Close what is open, except for the store, which other tests use."""
        asyncio.run(self.stop())

    # ---- what is asked of a runtime

    def status(self) -> Status:
        """A healthy control plane with one refused configuration."""
        return Status(
            version="0.1.0", node="edge-1", pid=4242, started_at=self.started_at,
            uptime_s=time.time() - self.started_at, healthy=True, problems=[],
            config=ConfigStatus("/etc/starfort/starfort.yaml", "9f2c41d07ab3e815", self.started_at, 0, "", 0.0),
            envoy=EnvoyStatus("running", 4243, 0), nodes=self.nodes(),
            store=StoreStatus(1_204_113, 412.0, 0, 0.2, 0),
            detectors=[
                DetectorStatus("credential_stuffing", "credential_stuffing", True, 86_120, 0, "", 17.2, 4),
                DetectorStatus("object_enumeration", "object_enumeration", True, 86_120, 0, "", 11.8, 1),
                DetectorStatus("scraping", "scraping", True, 86_119, 1, "timed out after 10 s", 21.5, 9),
            ],
            signals_active=len(self.signals.active()), alerts_open=self.alerts.open_by_severity(),
            alerts_dropped=0, endpoints=len(self.known),
        )  # fmt: skip

    def nodes(self) -> list[NodeStatus]:
        """Two nodes, one of which is away."""
        counters = {
            "requests": 1_204_113.0,
            "events_dropped": 0.0,
            "policy_errors": 0.0,
            "engine_failures": 0.0,
        }
        seen = time.time()
        return [
            NodeStatus("edge-1", 4243, True, "0.1.0", "v0.2.0", "9f2c41d07ab3e815", "", seen, 318.4, 0, 14, counters),
            NodeStatus("edge-2", 977, False, "0.1.0", "v0.2.0", "71d0aa02c9e1f344", "", seen - 5400, 0.0, 120, 0,
                       counters | {"events_dropped": 120.0}),
        ]  # fmt: skip

    def policies(self) -> list[PolicyStatus]:
        """Policies with the hits that the store has."""
        rows = self.store.query(
            "SELECT policy, countIf(seen = 'e') AS enforced, countIf(seen = 'o') AS observed, max(time) AS last FROM ("
            "SELECT time, policy, 'e' AS seen FROM events WHERE policy != '' UNION ALL "
            "SELECT time, splitByChar(':', toString(arrayJoin(observed)))[2] AS policy, 'o' AS seen FROM events"
            ") WHERE time > now() - INTERVAL 1 DAY GROUP BY policy"
        )
        hits = {row["policy"]: row for row in rows}
        policies = []
        for order, (name, mode, action, when, apis) in enumerate(_POLICIES):
            hit = hits.get(name, {"enforced": 0, "observed": 0, "last": None})
            last = hit["last"].timestamp() if hit["last"] else 0.0
            policies.append(
                PolicyStatus(
                    name, order, mode, action, when, apis, [], hit["enforced"], hit["observed"], last
                )
            )
        return policies

    def running_detectors(self) -> list[Detector]:
        """The detectors that come with Starfort."""
        return [builtin(name) for name in ("credential_stuffing", "object_enumeration", "scraping")]

    def clear_signal(self, kind: str, key_type: str, key: str) -> bool:
        """Lift a signal."""
        return bool(self.signals.clear(kind, key_type, key))

    async def reload(self) -> ReloadResult:
        """Report that nothing changed."""
        return ReloadResult(True, "9f2c41d07ab3e815", [], [], 12.5)

    def metrics(self) -> bytes:
        """One metric."""
        return b"# TYPE starfort_up gauge\nstarfort_up 1\n"

    # ---- seeding

    def _known(self, number: int, api: str, host: str, method: str, template: str) -> Endpoint:
        fresh = "v2/customers" in template or (number >= len(SMALL) and number % 40 == 3)
        first = self.now - (dt.timedelta(minutes=41) if fresh else dt.timedelta(days=3 + number % 200))
        opened = any(word in template for word in ("products", "login", "feed")) or number % 23 == 5
        sensitive = []
        if "export" in template or number % 31 == 4:
            sensitive = ["email", "phone", "card_number"]
        elif "statement" in template or "customers" in template:
            sensitive = ["iban", "email"]
        return Endpoint(
            id=endpoint_id(api, method, template), api=api, host=host, method=method, template=template,
            origin="documented" if not fresh and number % 9 != 7 else "learned",
            labels=("login",) if "login" in template else (), hosts=(host,),
            first_seen=first, last_seen=self.now - dt.timedelta(seconds=number % 900 + 3),
            auth_seen=() if opened or "export" in template else ("bearer",), sensitive=tuple(sensitive),
            open_since=first if opened or "export" in template else None,
        )  # fmt: skip

    def _person(self) -> dict[str, Any]:
        country, asn, owner = self.random.choice(_COUNTRIES)
        agent = self.faker.user_agent()
        return {
            "address": self.faker.ipv4_public(), "country": country, "asn": asn, "as_organization": owner,
            "user_agent": agent, "fingerprint": hashlib.sha256(agent[:30].encode()).hexdigest()[:16],
            "ja4": "t13d1516h2_8daaf6152771_" + hashlib.sha256(agent[:24].encode()).hexdigest()[:12],
            "subject": self.faker.user_name() if self.random.random() < 0.6 else "",
        }  # fmt: skip

    def _traffic(self, events: int) -> None:
        rows = [self._ordinary() for _ in range(events)]
        rows += self._stuffing() + self._ofx() + self._scraping() + self._exports()
        if self.hostile:
            rows += self._hostile()
        rows.sort(key=lambda row: row["time"])
        for start in range(0, len(rows), _KEEP):
            self.store.insert_arrow(stream(rows[start : start + _KEEP]))

    def _when(self, last: float = 24.0) -> dt.datetime:
        # Days have a shape: fewer calls at night, and the chart should show it.
        while True:
            hours = self.random.random() * last
            moment = self.now - dt.timedelta(hours=hours)
            if self.random.random() < 0.35 + 0.65 * (1 - abs(moment.hour - 14) / 14):
                return moment

    def _row(self, known: Endpoint, **fields: Any) -> dict[str, Any]:
        number = self.random.randrange(1000, 99_999)
        path = known.template.replace("{id}", str(number)).replace("{item}", str(number % 97))
        base = {
            "time": self._when(), "id": self.faker.uuid4(), "bundle": "9f2c41d07ab3e815", "api": known.api,
            "endpoint_id": known.id, "method": known.method, "host": known.host, "path": path,
            "template": known.template, "upstream": known.api, "duration_us": int(self.random.lognormvariate(9.4, 0.7)),
            "engine_us": int(self.random.lognormvariate(3.6, 0.4)), "response_bytes": self.random.randrange(200, 9000),
            "request_bytes": 0 if known.method == "GET" else self.random.randrange(80, 900),
            "content_type": "" if known.method == "GET" else "application/json", "parameters": self._parameters(known),
            "sensitive_response": list(known.sensitive) if self.random.random() < 0.7 else [],
        }  # fmt: skip
        return event(**(base | fields))

    @staticmethod
    def _parameters(known: Endpoint) -> list[str]:
        rows = ["path:id:integer"] if "{id}" in known.template else []
        if known.method == "GET":
            return [*rows, "query:limit:integer", "query:cursor:string", "header:accept-language:string"]
        if "login" in known.template:
            return [*rows, "body:email:email", "body:password:string"]
        return [
            *rows,
            "body:name:string",
            "body:amount:number",
            "body:currency:string",
            "body:reference:uuid",
        ]

    def _ordinary(self) -> dict[str, Any]:
        weight = int(abs(self.random.gauss(0, 1)) * len(self.known) / 3) % len(self.known)
        known = self.known[weight] if self.random.random() < 0.7 else self.random.choice(self.known)
        person = self.random.choice(self.people)
        status = self.random.choices(
            [200, 201, 204, 304, 400, 401, 404, 500, 503], [80, 5, 3, 4, 2, 2, 3, 0.6, 0.3]
        )[0]
        verified = bool(person["subject"]) and bool(known.auth_seen)
        extra: dict[str, Any] = {
            "identity_kind": "jwt" if verified else "none", "identity_verified": verified,
            "subject": person["subject"] if verified else "", "auth_seen": ["bearer"] if verified else [],
            "subject_hash": hashlib.sha256(person["subject"].encode()).hexdigest()[:16] if verified else "",
        }  # fmt: skip
        if self.random.random() < 0.01:
            extra |= {
                "findings": ["sqli_pattern", "rule:942100"],
                "evidence": [MATCH],
                "action": "block",
                "policy": "block-injections",
                "status": 403,
            }
        elif self.random.random() < 0.03:
            extra |= {
                "anomalies": [self.random.choice(["duplicate_header", "invalid_utf8", "depth_over_limit"])]
            }
        extra["observed"] = ["block:only-documented"] if not known.documented else []
        where = {name: value for name, value in person.items() if name != "subject"}
        return self._row(known, **({"status": status} | where | extra))

    def _stuffing(self) -> list[dict[str, Any]]:
        known = self.known[min(2, len(self.known) - 1)]
        rows = []
        for number in range(900):
            stopped = number > 120
            rows.append(self._row(
                known, time=self.now - dt.timedelta(minutes=26) + dt.timedelta(seconds=number),
                address=f"198.18.{number % 200 // 100}.{number % 100}", country="NL", asn=60781,
                as_organization="LeaseWeb", fingerprint="c0ffee0ddba11bad", ja4="t13d190900_9dc949149365_97f8aa674fd9",
                user_agent="Mozilla/5.0 (X11; Linux x86_64) Chrome/142.0.0.0", bot="bad",
                status=401, action="deceive" if stopped else "allow", policy="stop-stuffing" if stopped else "",
                account_hash=hashlib.sha256(b"%d" % number).hexdigest()[:16], password_hash="5e884898da280471",
                signals=["credential_stuffing"] if stopped else [], upstream="" if stopped else known.api,
            ))  # fmt: skip
        return rows

    def _ofx(self) -> list[dict[str, Any]]:
        known = next((row for row in self.known if row.template == "/ofx"), self.known[-1])
        return [
            self._row(
                known, time=self.now - dt.timedelta(hours=3, seconds=-number), address=self.faker.ipv4_public(),
                country="ID", asn=7713, as_organization="Telkomnet", user_agent="InetClntApp/3.0", bot="tool",
                fingerprint="0fce0fce0fce0fce", action="divert", policy="ofx-only-from-home-markets",
                upstream="fraud-desk",
            )
            for number in range(260)
        ]  # fmt: skip

    def _scraping(self) -> list[dict[str, Any]]:
        known = self.known[min(1, len(self.known) - 1)]
        return [
            self._row(
                known, time=self.now - dt.timedelta(hours=7, seconds=-2 * number), address="203.0.113.77",
                country="FR", asn=16276, as_organization="OVH", user_agent="python-requests/2.32.3", bot="tool",
                bot_name="python-requests", fingerprint="5c4a9e5c4a9e0001",
                status=429 if number > 60 else 200, action="limit" if number > 60 else "allow",
                policy="catalogue-rate" if number > 60 else "", signals=["scraping"] if number > 60 else [],
            )
            for number in range(420)
        ]  # fmt: skip

    def _exports(self) -> list[dict[str, Any]]:
        known = next((row for row in self.known if "export" in row.template), None)
        if known is None:
            return []
        return [
            self._row(
                known, time=self.now - dt.timedelta(minutes=40) + dt.timedelta(seconds=20 * number),
                **{name: value for name, value in self.people[number % 5].items() if name != "subject"},
                sensitive_response=list(known.sensitive), sensitive_response_count=40,
                observed=["block:no-bulk-personal-data", "block:only-documented"],
            )
            for number in range(110)
        ]  # fmt: skip

    def _hostile(self) -> list[dict[str, Any]]:
        return [
            self._row(
                self.known[0], time=self.now - dt.timedelta(seconds=30 + number), path=HOSTILE_PATH, status=404,
                user_agent=HOSTILE_AGENT, subject=HOSTILE_SUBJECT, subject_hash="beef", address="203.0.113.66",
                fingerprint="<b>finger</b>", as_organization="<i>org</i>", bot="bad", bot_name="<u>bot</u>",
                findings=["<script>f</script>", "rule:941100"], evidence=[HOSTILE_MATCH, "<script>"],
                anomalies=["<script>a</script>"], signals=["<script>s</script>"],
                parameters=["query:<img src=x onerror=window.pwned=7>:string"], auth_seen=["<b>auth</b>"],
                content_type="text/<b>x</b>", identity_error="<script>e</script>", observed=["block:only-documented"],
            )
            for number in range(2000)
        ]  # fmt: skip

    def _findings(self) -> list[PostureFinding]:
        """What checks found in it, most severe first; of many endpoints some."""
        rows = []
        for number, known in enumerate(self.known):
            about = {"subject": f"{known.method} {known.template}", "calls": 40 + number}
            seen = (known.first_seen or self.now, known.last_seen or self.now)
            title = f"{known.method} {known.template}"
            if known.sensitive and not known.auth_seen:
                evidence = about | {"classes": list(known.sensitive), "addresses": 5}
                rows.append(PostureFinding("open_endpoint", "high", known.api, known.id,
                                    f"{title} answers without credentials", evidence, *seen))  # fmt: skip
            if not known.documented:
                rows.append(PostureFinding("undocumented_endpoint", "medium", known.api, known.id,
                                    f"{title} is called and not documented", about, *seen))  # fmt: skip
        if self.hostile:
            evidence = {"subject": HOSTILE_PATH, HOSTILE_PATH: [HOSTILE_AGENT]}
            rows.append(PostureFinding("changed_parameters", "low", HOSTILE_PATH, "", HOSTILE_AGENT, evidence,
                                self.now, self.now))  # fmt: skip
        return sorted(rows, key=lambda row: ("high", "medium", "low").index(row.severity))

    def _raise_alerts(self) -> None:
        self.signals.merge(self._signals())
        for alert in self._alerts():
            self.alerts.record(alert)
        old = self.alerts.list(kind="scraping")
        if old:
            self.alerts.acknowledge(old[0].id, "amina")

    def _signals(self) -> list[Signal]:
        campaign = "c0ffee0ddba11bad|t13d190900_9dc949149365_97f8aa674fd9|60781"
        rows = ({"attempts": 900, "accounts": 900, "addresses": 200, "passwords": 1, "failures": 900},)
        ttl = dt.timedelta(minutes=30)
        found = [
            Signal("credential_stuffing", "campaign", campaign, 0.97, rows, ttl, "credential_stuffing", "critical",
                   "Credential stuffing on POST /v1/login from 200 addresses"),
            Signal("scraping", "address", "203.0.113.77", 0.83, ({"paths": 420, "share_of_reads": 0.21},), ttl,
                   "scraping", "medium", "Scraping of /v1/products/{id}"),
        ]  # fmt: skip
        found += [
            Signal("credential_stuffing", "address", f"198.18.0.{number}", 0.9 - number / 100, rows, ttl,
                   "credential_stuffing", "high", "Member of a stuffing campaign")
            for number in range(12)
        ]  # fmt: skip
        if self.hostile:
            found.append(Signal("scraping", "subject", HOSTILE_SUBJECT, 0.7, ({"agent": HOSTILE_AGENT},), ttl,
                                "scraping", "low", HOSTILE_AGENT))  # fmt: skip
        return found

    def _alerts(self) -> list[Alert]:
        ago = dt.timedelta
        rows = [
            ("credential_stuffing", "critical", "Credential stuffing on POST /v1/login from 200 addresses",
             "campaign c0ffee0ddba11bad", ago(minutes=25),
             ({"attempts": 900, "accounts": 900, "addresses": 200, "passwords": 1, "failures": 900},)),
            ("new_endpoint", "high", "New endpoint GET /v2/customers/{id}/export returns personal data",
             "GET shop.example.com/v2/customers/{id}/export", ago(minutes=40),
             ({"api": "shop", "documented": False, "classes": "card_number, email, phone", "callers": 5},)),
            ("region_change", "high", "OFX calls from a region without customers", "POST /ofx", ago(hours=3),
             ({"country": "ID", "requests": 260, "diverted_to": "fraud-desk"},)),
            ("object_enumeration", "medium", "One subject read 1,204 different orders", "subject partner-7",
             ago(hours=5), ({"objects": 1204, "requests": 1240, "not_found": 36},)),
            ("exploit_attempts", "medium", "Exploit attempts: 24 requests matched 6 rules and parameters",
             "address 203.0.113.78", ago(hours=6),
             ({"requests": 24, "kinds": 6, "matches": [f"942100 SQL at ARGS:q: {MATCHED}", MARKUP]},)),
            ("scraping", "medium", "Scraping of /v1/products/{id}", "address 203.0.113.77", ago(hours=7),
             ({"paths": 420, "requests": 420, "user_agent": "python-requests/2.32.3"},)),
            ("tls_certificate", "low", "Certificate of listener public ends in 12 days", "listener public",
             ago(hours=11), ({"not_after": "2026-12-05T00:00:00Z"},)),
        ]  # fmt: skip
        if self.hostile:
            rows.append(("scraping", "critical", HOSTILE_AGENT, HOSTILE_SUBJECT, ago(minutes=1),
                         ({HOSTILE_PATH: HOSTILE_AGENT},)))  # fmt: skip
        return [
            Alert(kind, severity, title, subject, evidence, self.now - age)
            for kind, severity, title, subject, age, evidence in rows
        ]


_POLICIES = [
    ("allow-health-checks", "enforce", "allow", 'request.path == "/healthz"', []),
    ("stop-stuffing", "enforce", "deceive",
     '"login" in endpoint.labels && signals.credential_stuffing.score > 0.8', []),
    ("ofx-only-from-home-markets", "enforce", "divert", 'client.continent == "AS"', ["bank"]),
    ("block-injections", "enforce", "block", 'findings.exists(f, f.startsWith("sqli"))', []),
    ("catalogue-rate", "enforce", "limit", 'endpoint.path == "/v1/products/{id}"', ["shop"]),
    ("only-documented", "observe", "block", "!endpoint.documented", []),
    ("no-bulk-personal-data", "observe", "block", "size(sensitive.response) > 2 && !identity.verified", ["shop"]),
]  # fmt: skip
