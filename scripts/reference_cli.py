"""The page of every command, from the commands themselves."""

from collections.abc import Iterator
from typing import Any

from starfort.cli.app import commands
from starfort.cli.errors import EXIT_CODES

HEAD = """<!-- Made by scripts/reference.py from src/starfort/cli; don't edit. -->
# Command line

Stdout is data, stderr is talk: `starfort … > file` and `starfort … | jq` get what was asked for and nothing else. Commands that show
something have `--json`. Output is the same without a terminal or with `NO_COLOR` set, and then without colour and with whole lines.
`starfort --install-completion` sets completion up for your shell. `starfort --debug …` shows where an error comes from.

Commands that ask a running Starfort find it by the configuration's `data_dir` (`--config`, `STARFORT_CONFIG`) or by
`--data-dir` (`STARFORT_DATA_DIR`), and speak through a Unix socket that only its user may open. From elsewhere they take `--url`
(`STARFORT_URL`) and an API token in `STARFORT_TOKEN`.

`starfort check`, `policy test` and `rules check` remember by digest which rules the engine accepted, in `$XDG_CACHE_HOME/starfort/accepted-rules`
(`~/.cache` without that variable; mode 0600, at most 320 kB), so that the next check does not compile them again. A start uses no such file.
Former names (`catalog`, `posture`) work for one version.

## Exit codes

| code | meaning |
|---|---|
"""


def cli_page() -> str:
    """The page."""
    parts = [HEAD + "\n".join(f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())]
    for words, command in commands():
        parts += [f"\n## `{words}`\n", command.help or "", *_parameters(words, command)]
    return "\n".join(parts).rstrip() + "\n"


def _parameters(words: str, command: Any) -> Iterator[str]:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [each for each in command.params if each.param_type_name == "option" and each.name != "help"]
    shown = " ".join(_place(each) for each in arguments)
    yield f"\n```\n{words} {shown}{' [OPTIONS]' if options else ''}\n```\n".replace("  ", " ")
    if arguments or options:
        yield "| | | default | |\n|---|---|---|---|"
    for each in arguments:
        yield f"| `{each.name.upper()}` | {_kind(each)} | {_default(each)} | {_text(each.help)} |"
    for each in options:
        names = ", ".join(f"`{name}`" for name in [*each.opts, *each.secondary_opts])
        variable = f" (`{each.envvar}`)" if each.envvar else ""
        yield f"| {names} | {_kind(each)} | {_default(each)} | {_text(each.help)}{variable} |"


def _place(argument: Any) -> str:
    name = argument.name.upper() + ("..." if argument.nargs == -1 else "")
    return name if argument.required else f"[{name}]"


def _kind(parameter: Any) -> str:
    described = parameter.type_descriptor
    if getattr(parameter, "is_flag", False):
        return ""
    if described.choices:
        return " ".join(f"`{each}`" for each in described.choices if each)
    if described.is_file or described.is_path:
        return "path"
    name = getattr(described.annotation, "__name__", str(described.annotation))
    return {"str": "text", "int": "number", "Path": "path"}.get(name, "text")


def _default(parameter: Any) -> str:
    default = parameter.default
    if parameter.required:
        return "required"
    if default in (None, "", False) or callable(default) or (isinstance(default, int) and default == 0):
        return ""
    return f"`{default}`" if default is not True else "on"


def _text(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")
