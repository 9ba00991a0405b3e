"""Starfort with one action more than it has: `challenge`, which answers by itself, in every place that is Python or SQL.

Run as a process of its own, for the table of actions is read when modules are imported: `python -m
tests.support.made_up_action FOLDER` prints as JSON what each place makes of the new action.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, ClassVar

from starfort.base import actions

ROW = actions.PolicyAction(
    word="challenge",
    past="challenged",
    ends=actions.Ends.ALWAYS,
    works=actions.Works.ON_REQUEST,
    meaning="Ask the browser for a proof first.",
    example="challenge: {difficulty: 3}",
    happens="The browser gets a page that proves that it is one.",
    too_late="the upstream has already acted: challenge in a policy of its own, without response.*",
    colour=actions.Colour(badge="pink", chart="#ff00aa", terminal="cyan"),
    meant_by=("captcha",),
)

CONFIG = """
version: 1
data_dir: DATA
listeners: [{name: public, address: 127.0.0.1:8080}]
upstreams: [{name: shop, addresses: [127.0.0.1:9001]}]
apis: [{name: shop, hosts: [shop.example.com], upstream: shop}]
policies:
  - {name: prove-it, when: client.bot == "bad", action: {challenge: {difficulty: 4}}, mode: enforce}
  - {name: behind-it, when: client.bot == "bad", action: block}
"""


def extend_the_table() -> None:
    """Add the row, and its forms in configuration and bundle: all that Python has of an action."""
    actions.ACTIONS = (*actions.ACTIONS, ROW)

    from starfort.bundle.policy import Action
    from starfort.config import action_settings
    from starfort.config.fields import Model

    class ChallengeSetting(Model):
        """A proof of work."""

        difficulty: int = 3
        """How much work."""

    @dataclass(frozen=True)
    class ChallengeAction(Action):
        """Ask for a proof."""

        TAG: ClassVar[str] = "challenge"
        difficulty: int

    action_settings.SETTINGS["challenge"] = action_settings.Setting(ChallengeSetting, alone={})
    # Dataclasses of functions go with their last reference, and `Action` only knows its subclasses weakly.
    extend_the_table.kept = ChallengeAction  # type: ignore[attr-defined]


def configuration(folder: Path) -> dict[str, Any]:
    """What loading, compiling and warnings say, and the JSON Schema."""
    import msgpack

    from starfort import bundle
    from starfort.cli.config.schema import json_schema
    from starfort.compile import compile_config
    from starfort.compile.warnings import Context, warnings_of
    from starfort.config import ConfigError, load

    file = folder / "starfort.yaml"
    text = CONFIG.replace("DATA", str(folder / "var"))
    file.write_text(text)
    loaded = load(file)
    made = compile_config(loaded, hash_key=bytes(32), signal_kinds=[])
    schema: Any = json_schema()
    packed: Any = msgpack.unpackb(bundle.encode(made.bundle)[52:])
    file.write_text(text.replace('client.bot == "bad", action: {ch', "response.status == 500, action: {ch"))
    try:
        compile_config(load(file), hash_key=bytes(32), signal_kinds=[])
        late = ""
    except ConfigError as error:
        late = str(error)
    return {
        "schema": schema["$defs"]["Action"]["properties"]["challenge"]["description"],
        "policies": [[each.action, each.phase] for each in made.policies],
        "bundle": packed["policies"][0]["action"],
        "warnings": [each.what for each in warnings_of(Context(loaded, made, ()))],
        "late": late,
    }


def command_line() -> dict[str, Any]:
    """What the command line says of the word, and of words that are meant for it."""
    from starfort.cli import words
    from starfort.cli.app import commands
    from starfort.cli.events import _line

    found: Any = next(command for name, command in commands() if name == "starfort events")
    option = next(each for each in found.params if each.name == "action")
    choices = [str(each) for each in option.type_descriptor.choices]
    event: Any = {
        "time": "2026-11-27T10:00:00Z", "status": 200, "method": "GET", "host": "h", "path": "/", "address": "a",
        "country": "", "subject": "", "bot": "none", "bot_name": "", "action": "challenge", "policy": "p", "id": "i",
        "tags": [], "observed": [], "findings": [], "anomalies": [], "signals": [],
    }  # fmt: skip
    styles = [str(span.style) for span in _line(event).spans]
    return {
        "choices": choices,
        "meant": [words.unknown("captcha", choices), words.unknown("challenged", choices)],
        "styled": any("cyan" in style for style in styles),
    }


async def served(folder: Path) -> dict[str, Any]:
    """What store, API and pages say of requests that were challenged."""
    from starfort.admin.audit import CLI
    from starfort.admin.roles import Role
    from starfort.api.app import create_app
    from starfort.runtime import PolicyStatus
    from tests.support.estate import Estate
    from tests.support.events import event, stream

    estate = await asyncio.to_thread(Estate, folder, 0)
    rows = [event(id=f"c{n}", action="challenge", policy="prove-it", weight=2) for n in range(3)]
    rows += [event(id="o", observed=["challenge:prove-it"]), event(id="d", tags=["challenge:prove-it"])]
    estate.store.insert_arrow(stream(rows), token="made-up")
    estate.store.upkeep()
    status = PolicyStatus("prove-it", 0, "observe", "challenge", "true", [], [], 3, 1, 0.0)
    estate.policies = lambda: [status]  # type: ignore[method-assign]
    app = create_app(estate, with_dashboard=False)
    app.state.desk.accounts.add("root", "correct horse battery", Role.ADMIN, CLI)
    _, token = app.state.desk.tokens.create("root", "test", Role.ADMIN, None, CLI)
    found = {"api": await api(app, token), "pages": await shown(app)}
    app.state.desk.database.close()
    await estate.stop()
    await asyncio.to_thread(estate.store.close)
    return found


async def api(app: Any, token: str) -> dict[str, Any]:
    """Figures of the API, from events and from rollups, and its description."""
    import httpx

    from starfort.admin import service

    answers: dict[str, Any] = {}
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://starfort.test") as client:

        async def get(path: str) -> Any:
            answer = await client.get(f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200, (path, answer.text)
            return answer.json()

        for name in ("15m", "1h", "24h"):
            traffic = await get(f"/traffic?range={name}")
            totals, points = traffic["totals"], traffic["points"]
            answers[f"totals {name}"] = [totals["requests"], totals["allowed"], totals["challenged"]]
            answers[f"points {name}"] = sum(point["challenged"] for point in points)
        # Every window now counts as one of many events, so the same figures come out of the rollups.
        setattr(service, "is_far", lambda *_: True)  # noqa: B010  (a name that the module only imports)
        for name in ("24h", "7d"):
            traffic = await get(f"/traffic?range={name}")
            points = traffic["points"]
            counted = sum(point["challenged"] for point in points)
            answers[f"rolled {name}"] = [traffic["totals"]["challenged"], counted]
            apis = await get(f"/traffic/apis?range={name}")
            answers[f"stopped {name}"] = [each["stopped"] for each in apis]
        for name in ("action=challenge", "policy=prove-it", "observed=prove-it"):
            answers[name] = len((await get(f"/events?{name}&range=1h"))["items"])
        described = json.dumps((await client.get("/api/v1/openapi.json")).json())
        answers["described"] = ['"challenged"' in described, '"challenge"' in described]
    return answers


async def shown(app: Any) -> dict[str, str]:
    """The HTML and the charts of the pages that show actions."""
    from nicegui import Client, ui

    from starfort.admin.roles import Principal, Role
    from starfort.dashboard.page import pages
    from starfort.dashboard.view import View

    found = {}
    for page in pages():
        if page.path not in ("/", "/events", "/policies"):
            continue
        request: Any = _request(page.path)
        request.state.principal = Principal(
            name="root", role=Role.ADMIN, via="session", session_key="k", csrf="c"
        )
        made = Client(ui.page("/made-up"), request=None)
        with made:
            await page.build(View(app.state.desk, request))
        found[page.path] = "\n".join(_contents(made.layout))
        made.delete()
    return found


def _request(path: str) -> object:
    from starlette.requests import Request

    return Request({
        "type": "http", "method": "GET", "path": path, "query_string": b"", "headers": [],
        "client": ("192.0.2.1", 1), "server": ("starfort.test", 80), "scheme": "http", "root_path": "",
    })  # fmt: skip


def _contents(element: Any) -> list[str]:
    """The HTML and the options of charts below an element."""
    from nicegui import ui

    found = []
    if isinstance(element, ui.html):
        found.append(element.content)
    if isinstance(element, ui.echart):
        found.append(json.dumps(element.options))
    for slot in element.slots.values():
        for child in slot.children:
            found += _contents(child)
    return found


def documents() -> dict[str, Any]:
    """What the generated references say."""
    sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))
    pages: Any = import_module("reference_actions")
    settings: Any = import_module("reference_configuration")
    return {
        "configuration": "| `challenge` |" in settings.configuration_page(),
        "policies": ROW.happens in pages.policies_page(),
        "events": "`challenge`" in pages.events_page(),
    }


def main() -> None:
    """Print what every place says."""
    extend_the_table()
    folder = Path(sys.argv[1])
    said = {
        "configuration": configuration(folder),
        "command_line": command_line(),
        "documents": documents(),
        "served": asyncio.run(served(folder)),
    }
    sys.stdout.write(json.dumps(said) + "\n")
    sys.stdout.flush()
    # Everything is closed. chDB's own threads do not always survive the end of an interpreter that NiceGUI, Envoy's
    # description and the engine were loaded into, and what is asked here is not how it ends.
    os._exit(0)


if __name__ == "__main__":
    main()
