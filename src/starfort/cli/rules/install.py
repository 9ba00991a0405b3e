"""`starfort rules install`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from starfort.cli import output
from starfort.cli.errors import FoundError, UsageError
from starfort.cli.options import Json

if TYPE_CHECKING:
    from starfort.threats.rulesets.installed import InstalledRuleSet


def install(
    name: Annotated[Literal["crs"], typer.Argument(help="Which rule set: crs, the OWASP Core Rule Set.")],
    *,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from", exists=True, help="Archive (tar, zip) or folder instead of the project's release."
        ),
    ] = None,
    version: Annotated[
        str, typer.Option(help="Which release. Default: the one this Starfort is tested with.")
    ] = "",
    sha256: Annotated[str, typer.Option(help="SHA-256 of the archive; then no signature is needed.")] = "",
    folder: Annotated[
        Path | None,
        typer.Option(envvar="STARFORT_RULESETS", file_okay=False, help="Where rule sets live."),
    ] = None,
    json: Json = False,
) -> None:
    """Install a rule set, checked and pinned. If anything is wrong, the one before stays in place."""
    from starfort.threats.rulesets.installed import rule_set_folder

    if source is not None and version:
        raise UsageError("--from and --version exclude each other", "the files say which version they are")
    target = rule_set_folder() if folder is None else folder
    entry = _install(source, version, target, sha256)
    if json:
        output.print_json(asdict(entry))
        return
    output.say(
        f"{name} {entry.version} is installed in {target / entry.folder} ({len(entry.files)} files, "
        f"origin: {entry.verified}).",
        "green",
    )
    output.say("It is used from the next start or `starfort reload` on.")


def _install(source: Path | None, version: str, target: Path, sha256: str) -> "InstalledRuleSet":
    """Install from an archive or folder, or the project's release.

    Raises:
        FoundError: it cannot be installed; what was there before is still there.
    """
    from starfort.cli.check import show_problems
    from starfort.config import ConfigError
    from starfort.threats.rulesets import crs

    try:
        if source is not None:
            return crs.install_from(source, target, sha256=sha256)
        # Without --version an update must not become a step back.
        if not version and (newer := crs.newer_installed(target, crs.DEFAULT_VERSION)):
            raise FoundError(
                f"CRS {newer} is installed, newer than {crs.DEFAULT_VERSION}, Starfort's default",
                f"--version {crs.DEFAULT_VERSION} goes back to it",
            )
        return crs.install_release(version or crs.DEFAULT_VERSION, target, sha256=sha256)
    except crs.InstallError as error:
        raise FoundError(str(error), error.fix) from error
    except ConfigError as error:
        show_problems(error)
        raise FoundError(f"the rules of {source or version} cannot be used; nothing was changed") from None
