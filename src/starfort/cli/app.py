"""The `starfort` command: every verb is registered here, and every error ends here.

A command's module is imported when the command is called: `starfort --help` and shell completion import none.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup

FORMER: Final = {"catalog": "catalogue", "endpoints": "catalogue", "posture": "findings"}
"""Former names, and one that people try, with the name that pages and API have: for one version."""


@dataclass(frozen=True, slots=True)
class Verb:
    """A command that is not imported yet.

    Attributes:
        place: module below `starfort.cli` and its function, as `module:function`.
        help: the first sentence of the function's docstring, for lists of commands.
    """

    place: str
    help: str

    def load(self) -> Callable[..., None]:
        """Import the function."""
        module, _, function = self.place.partition(":")
        found: Callable[..., None] = getattr(importlib.import_module(f"starfort.cli.{module}"), function)
        return found


Verbs = dict[str, Verb]

VERBS: Final[Verbs] = {
    "init": Verb(
        "init:init",
        "Write a commented starfort.yaml that is right as it is: change upstream, API and log-in to yours.",
    ),
    "check": Verb(
        "check:check",
        "Check the configuration as a start would: files, references, detectors, policies. Changes nothing.",
    ),
    "up": Verb(
        "up:up",
        "Run Starfort in the foreground. SIGTERM and Ctrl-C stop it, SIGHUP reads the configuration again.",
    ),
    "stop": Verb(
        "stop:stop",
        "Stop Starfort on this machine: Envoy drains its connections, its last events are kept, all ends.",
    ),
    "restart": Verb(
        "restart:restart",
        "Go on as the Starfort that is installed now, and its Envoy and filter, without losing a request.",
    ),
    "reload": Verb(
        "reload:reload", "Read the configuration again. One with mistakes changes nothing and is explained."
    ),
    "status": Verb(
        "status:status",
        "Show how Starfort is: nodes, rates, drops, detectors, alerts. Ends with 1 when it is not healthy.",
    ),
    "events": Verb(
        "events:events",
        "Show requests, latest last; with --json one JSON object a line. Fields: docs/events.md.",
    ),
    "findings": Verb(
        "findings:findings",
        "List what is wrong with the APIs as they stand, most severe first, and what to do.",
    ),
    "version": Verb("version:version", "Print the versions of Starfort and of what it is made of."),
}

NOUNS: Final[dict[str, tuple[str, Verbs]]] = {
    "catalogue": (
        "The APIs that are live: endpoints, parameters, consumers.",
        {
            "list": Verb(
                "catalogue.list:list_endpoints",
                "List the endpoints of the catalogue, with the traffic of the last 24 hours.",
            ),
            "show": Verb(
                "catalogue.show:show",
                "Show one endpoint as traffic shows it: parameters, statuses, consumers, sensitive data.",
            ),
            "export": Verb(
                "catalogue.export:export",
                "Export the catalogue as JSON: every endpoint, or an OpenAPI document.",
            ),
        },
    ),
    "policy": (
        "What is done with requests.",
        {
            "list": Verb(
                "policy.list:list_policies",
                "List policies in order, with what they did, or in observe mode would have done, in 24 hours.",  # noqa: E501
            ),
            "test": Verb(
                "policy.test:run",
                "Say which policy decides on a request and why, by the configuration file. Nothing is sent.",
            ),
        },
    ),
    "alerts": (
        "What a person should look at.",
        {
            "list": Verb("alerts.list:list_alerts", "List alerts, latest first."),
            "show": Verb("alerts.show:show", "Show one alert with the rows that show why."),
            "ack": Verb("alerts.ack:ack", "Acknowledge alerts: say that a person has seen them."),
        },
    ),
    "signals": (
        "What detection says now.",
        {
            "list": Verb("signals.list:list_signals", "List what detection says now, highest score first."),
            "clear": Verb(
                "signals.clear:clear",
                "Lift a signal in every filter. A detector that still sees the behaviour raises it again.",
            ),
        },
    ),
    "detectors": (
        "What looks for abuse.",
        {
            "list": Verb("detectors.list:list_detectors", "List the detectors that run, and how they run."),
            "show": Verb(
                "detectors.show:show", "Show one detector: what it watches, its settings in force, its query."
            ),
            "test": Verb(
                "detectors.test:run",
                "Check a detector and run it once, now, over the events that are stored. Raises no signal.",
            ),
            "backtest": Verb(
                "detectors.backtest:backtest",
                "Say what a detector would have signalled in the past, from the events that are stored.",
            ),
        },
    ),
    "checks": (
        "What looks for mistakes in the APIs as they stand.",
        {
            "list": Verb("checks.list:list_checks", "List the posture checks that run, and how they run."),
            "show": Verb(
                "checks.show:show",
                "Show one check: what is wrong about its findings, its settings in force, its query.",
            ),
            "test": Verb(
                "checks.test:run",
                "Check a check and run it once, now, over the events that are stored. Keeps no finding.",
            ),
        },
    ),
    "rules": (
        "SecLang rules: OWASP CRS, Starfort's own, yours.",
        {
            "check": Verb(
                "rules.check:check",
                "Check SecLang rules as a start would: every problem with its place. Changes nothing.",
            ),
            "explain": Verb(
                "rules.explain:explain",
                "Say in words what a rule looks at, why it is there, what it costs, and how to take it out narrowly.",  # noqa: E501
            ),
            "install": Verb(
                "rules.install:install",
                "Install a rule set, checked and pinned; the one before stays in place if anything is wrong.",
            ),
            "list": Verb(
                "rules.list:list_rule_sets",
                "List rule sets: what is installed, whether its files are still that, and what runs in Starfort now.",  # noqa: E501
            ),
            "tune": Verb(
                "rules.tune:tune",
                "Propose exclusions from what was observed, by endpoint and parameter, with the evidence.",
            ),
        },
    ),
    "config": (
        "The configuration.",
        {
            "show": Verb(
                "config.show:show",
                "Print the configuration in force as JSON, defaults included. Secrets are named, never contained.",  # noqa: E501
            ),
            "schema": Verb(
                "config.schema:schema",
                "Print the JSON Schema of starfort.yaml, for editors that complete and check as you type.",
            ),
        },
    ),
    "apikey": (
        "API keys for callers of your APIs.",
        {
            "create": Verb(
                "apikey.create:create",
                "Make an API key for a caller of your APIs: the key, and the configuration that knows it by its hash.",  # noqa: E501
            ),
        },
    ),
    "user": (
        "Accounts for dashboard and API.",
        {
            "add": Verb("user.add:add", "Make an account for dashboard and API."),
            "list": Verb("user.list:list_users", "List accounts."),
            "remove": Verb("user.remove:remove", "Remove an account with its sessions and tokens."),
            "password": Verb(
                "user.password:password", "Give an account a new password and end its sessions."
            ),
            "role": Verb("user.role:role", "Change what an account may do, from its next request on."),
            "factor": Verb(
                "user.factor:factor",
                "Set up an account's second factor: codes of an authenticator app besides the password.",
            ),
        },
    ),
    "token": (
        "API tokens for Starfort's own API.",
        {
            "create": Verb(
                "token.create:create",
                "Make an API token for Starfort's own API. Stdout is the token and nothing else.",
            ),
            "list": Verb("token.list:list_tokens", "List API tokens."),
            "revoke": Verb("token.revoke:revoke", "End an API token at once."),
        },
    ),
}


class Command(TyperCommand):
    """A command that says which value may be meant, where an option does not know one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            descriptor: Any = getattr(error.param, "type_descriptor", None)
            found = re.search(r"'(.*)' is not one of ", error.message)
            if found is not None and getattr(descriptor, "choices", None):
                from starfort.cli import words

                error.message = words.unknown(found[1], [str(each) for each in descriptor.choices])
            raise


class Group(TyperGroup):
    """Commands by name, each imported when it is called."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of a name, or of a former one."""
        found = super().get_command(ctx, cmd_name)
        return super().get_command(ctx, FORMER.get(cmd_name, "")) if found is None else found

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the arguments name, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and not isinstance(command, TyperGroup):
            command = self.loaded(name if name in self.commands else FORMER[name])
        return name, command, rest

    def loaded(self, name: str) -> Any:
        """A command, imported."""
        callback: Any = self.commands[name].callback
        verb: Verb = getattr(callback, "verb")  # noqa: B009 (a function has no such attribute for types)
        one = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
        one.command(name, cls=Command)(verb.load())
        return typer.main.get_command(one)


app = typer.Typer(
    name="starfort",
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Help in rich's boxes takes twice the CPU of all of `starfort --help`.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="API security at the choke point: sees every call, decides by policy, learns what your APIs are.",
)


@app.callback()
def _root(
    *, debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False
) -> None:
    pass


def _placeholder(verb: Verb) -> Callable[[], None]:
    """What typer lists for a verb. It is never called: `Group` puts the imported command in its place."""

    def command() -> None:
        raise AssertionError(f"{verb.place} was called before it was imported")

    command.verb = verb  # type: ignore[attr-defined]  # `Group.loaded` reads it
    return command


def _register() -> None:
    for name, verb in VERBS.items():
        app.command(name, short_help=verb.help)(_placeholder(verb))
    for noun, (text, verbs) in NOUNS.items():
        group = typer.Typer(cls=Group, no_args_is_help=True, rich_markup_mode=None, help=text)
        for name, verb in verbs.items():
            group.command(name, short_help=verb.help)(_placeholder(verb))
        app.add_typer(group, name=noun)


_register()


def commands() -> Iterator[tuple[str, Any]]:
    """Every command, imported, with the words that call it, in the order of the help."""
    root: Any = typer.main.get_command(app)
    for name, inner in root.commands.items():
        if not isinstance(inner, Group):
            yield f"starfort {name}", root.loaded(name)
        elif not inner.hidden:
            yield from ((f"starfort {name} {verb}", inner.loaded(verb)) for verb in inner.commands)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit codes are in `errors.EXIT_CODES`."""
    from starfort.cli.errors import CliError
    from starfort.cli.garbage import collected

    given = list(sys.argv[1:] if arguments is None else arguments)
    if "--debug" in given:
        app(given, prog_name="starfort")
        return
    try:
        with collected(next(iter(given), "")):
            app(given, prog_name="starfort")
    except CliError as error:
        from starfort.cli import output

        output.say(f"starfort: {error.what}", "red")
        if error.fix:
            output.say(f"  fix: {error.fix}")
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 (the last resort: no traceback unless asked for)
        from starfort.cli import output

        output.say(f"starfort: failed: {type(error).__name__}: {error}", "red")
        output.say("  fix: run it again with `starfort --debug …`, and report what it shows")
        sys.exit(5)
