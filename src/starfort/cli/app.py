"""The `starfort` command: every verb is registered here."""

import typer

app = typer.Typer(name="starfort", no_args_is_help=True, help="API security at the choke point.")


def main() -> None:
    """Run the command line."""
    app()
