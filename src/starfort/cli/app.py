"""The `starfort` command: every verb is registered here, and every error ends here."""

import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from starfort.cli import check, events, init, output, posture, reload, restart, status, stop, up, version
from starfort.cli.alerts import ack as alerts_ack
from starfort.cli.alerts import list as alerts_list
from starfort.cli.alerts import show as alerts_show
from starfort.cli.apikey import create as apikey_create
from starfort.cli.catalog import export as catalog_export
from starfort.cli.catalog import list as catalog_list
from starfort.cli.catalog import show as catalog_show
from starfort.cli.config import schema as config_schema
from starfort.cli.config import show as config_show
from starfort.cli.detectors import backtest as detectors_backtest
from starfort.cli.detectors import list as detectors_list
from starfort.cli.detectors import show as detectors_show
from starfort.cli.detectors import test as detectors_test
from starfort.cli.errors import CliError
from starfort.cli.policy import list as policy_list
from starfort.cli.policy import test as policy_test
from starfort.cli.rules import check as rules_check
from starfort.cli.rules import explain as rules_explain
from starfort.cli.rules import install as rules_install
from starfort.cli.rules import list as rules_list
from starfort.cli.rules import tune as rules_tune
from starfort.cli.signals import clear as signals_clear
from starfort.cli.signals import list as signals_list
from starfort.cli.token import create as token_create
from starfort.cli.token import list as token_list
from starfort.cli.token import revoke as token_revoke
from starfort.cli.user import add as user_add
from starfort.cli.user import factor as user_factor
from starfort.cli.user import list as user_list
from starfort.cli.user import password as user_password
from starfort.cli.user import remove as user_remove
from starfort.cli.user import role as user_role

app = typer.Typer(
    name="starfort",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="API security at the choke point: sees every call, decides by policy, learns what your APIs are.",
)

Verbs = dict[str, Callable[..., None]]

VERBS: Verbs = {
    "init": init.init,
    "check": check.check,
    "up": up.up,
    "stop": stop.stop,
    "restart": restart.restart,
    "reload": reload.reload,
    "status": status.status,
    "events": events.events,
    "posture": posture.posture,
    "version": version.version,
}

NOUNS: dict[str, tuple[str, Verbs]] = {
    "catalog": (
        "The APIs that are live: endpoints, parameters, consumers.",
        {"list": catalog_list.list_endpoints, "show": catalog_show.show, "export": catalog_export.export},
    ),
    "policy": ("What is done with requests.", {"list": policy_list.list_policies, "test": policy_test.run}),
    "alerts": (
        "What a person should look at.",
        {"list": alerts_list.list_alerts, "show": alerts_show.show, "ack": alerts_ack.ack},
    ),
    "signals": (
        "What detection says now.",
        {"list": signals_list.list_signals, "clear": signals_clear.clear},
    ),
    "detectors": (
        "What looks for abuse.",
        {
            "list": detectors_list.list_detectors,
            "show": detectors_show.show,
            "test": detectors_test.run,
            "backtest": detectors_backtest.backtest,
        },
    ),
    "rules": (
        "SecLang rules: OWASP CRS, Starfort's own, yours.",
        {
            "check": rules_check.check,
            "explain": rules_explain.explain,
            "install": rules_install.install,
            "list": rules_list.list_rule_sets,
            "tune": rules_tune.tune,
        },
    ),
    "config": ("The configuration.", {"show": config_show.show, "schema": config_schema.schema}),
    "apikey": ("API keys for callers of your APIs.", {"create": apikey_create.create}),
    "user": (
        "Accounts for dashboard and API.",
        {
            "add": user_add.add,
            "list": user_list.list_users,
            "remove": user_remove.remove,
            "password": user_password.password,
            "role": user_role.role,
            "factor": user_factor.factor,
        },
    ),
    "token": (
        "API tokens for Starfort's own API.",
        {"create": token_create.create, "list": token_list.list_tokens, "revoke": token_revoke.revoke},
    ),
}


@app.callback()
def _root(
    *, debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False
) -> None:
    pass


for _name, _verb in VERBS.items():
    app.command(_name)(_verb)
for _noun, (_help, _verbs) in NOUNS.items():
    _group = typer.Typer(no_args_is_help=True, help=_help)
    for _name, _verb in _verbs.items():
        _group.command(_name)(_verb)
    app.add_typer(_group, name=_noun)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; exit codes are in `errors.EXIT_CODES`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if "--debug" in given:
        app(given, prog_name="starfort")
        return
    try:
        app(given, prog_name="starfort")
    except CliError as error:
        output.say(f"starfort: {error.what}", "red")
        if error.fix:
            output.say(f"  fix: {error.fix}")
        sys.exit(error.exit_code)
    except Exception as error:  # noqa: BLE001 (the last resort: no traceback unless asked for)
        output.say(f"starfort: failed: {type(error).__name__}: {error}", "red")
        output.say("  fix: run it again with `starfort --debug …`, and report what it shows")
        sys.exit(5)
