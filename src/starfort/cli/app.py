"""The `starfort` command: the commands that `verbs.py` finds are registered here, and every error ends here.

The module of a command is imported when the command is called: `starfort --help` and completion import none.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, Final, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from starfort.cli.verbs import Verb, nouns, verbs

FORMER: Final = {"catalog": "catalogue", "endpoints": "catalogue", "posture": "findings"}
"""Former names, and one that people try, with the name of today. They work for one version."""

_Click: TypeAlias = Any
"""A context or command of Click, which Typer carries a private copy of: its types cannot be imported."""


class Command(TyperCommand):
    """A command that suggests a value when an option does not know the given one."""

    def parse_args(self, ctx: _Click, args: list[str]) -> list[str]:
        """Read the command line."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            choices = getattr(getattr(error.param, "type_descriptor", None), "choices", None)
            # The exception has no field for the value that was given: only its message has the value.
            found = re.search(r"'(.*)' is not one of ", error.message)
            if found is not None and choices:
                from starfort.cli import words

                error.message = words.unknown(found[1], [str(each) for each in choices])
            raise


class Group(TyperGroup):
    """Commands by name, each imported when it is called."""

    def get_command(self, ctx: _Click, cmd_name: str) -> _Click:
        """The command of a name, or of a former one."""
        found = super().get_command(ctx, cmd_name)
        return super().get_command(ctx, FORMER.get(cmd_name, "")) if found is None else found

    def resolve_command(self, ctx: _Click, args: list[str]) -> _Click:
        """The command that the arguments name, imported."""
        name, command, rest = super().resolve_command(ctx, args)
        # A noun is a group and needs no import: its own commands are placeholders in their turn.
        if name is not None and not isinstance(command, TyperGroup):
            command = self.loaded(name if name in self.commands else FORMER[name])
        return name, command, rest

    def loaded(self, name: str) -> _Click:
        """A command, imported."""
        verb: Verb = self.commands[name].callback.verb  # type: ignore[union-attr]  # `_placeholder` set it
        # Typer makes a command of a function only within an application, so each gets one of its own.
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
    """The function that Typer lists for a verb.

    Nobody calls it, because `Group` puts the imported command in its place. If somebody does, it says so.
    """

    def command() -> None:
        raise AssertionError(f"{verb.place} was called before it was imported")

    command.verb = verb  # type: ignore[attr-defined]  # `Group.loaded` reads it
    return command


def _register() -> None:
    for name, verb in verbs().items():
        app.command(name, short_help=verb.help)(_placeholder(verb))
    for name, noun in nouns().items():
        group = typer.Typer(cls=Group, no_args_is_help=True, rich_markup_mode=None, help=noun.help)
        for inner, verb in noun.verbs.items():
            group.command(inner, short_help=verb.help)(_placeholder(verb))
        app.add_typer(group, name=name)


_register()


def commands() -> Iterator[tuple[str, _Click]]:
    """Every command, imported, with the words that call it, in the order of the help."""
    root: _Click = typer.main.get_command(app)
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
    # With --debug nothing is caught, so that Python shows the whole traceback.
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
