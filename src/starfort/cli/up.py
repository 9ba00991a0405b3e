"""`starfort up`."""

import asyncio
import contextlib
import signal
import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

import starfort
from starfort.cli import options, output
from starfort.cli.errors import CliError, FoundError
from starfort.cli.target import config_path

if TYPE_CHECKING:
    from pathlib import Path

    from starfort.runtime import Runtime


def up(
    *,
    config: options.Config = None,
    log_format: Annotated[
        Literal["auto", "console", "json"],
        typer.Option(help="Log lines for people or as JSON; auto: JSON unless stderr is a terminal."),
    ] = "auto",
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="From which level on.")
    ] = "info",
) -> None:
    """Run Starfort in the foreground. SIGTERM and Ctrl-C stop it, SIGHUP reads the configuration again."""
    from starfort.runtime import logs

    logs.configure(log_format, log_level)
    asyncio.run(_run(config_path(config).resolve(), talk=log_format == "console" or sys.stderr.isatty()))


async def _run(path: "Path", *, talk: bool) -> None:  # noqa: PLR0915 (start and stop are read in order)
    """Start, run until something says stop, stop in order.

    Args:
        path: the configuration file.
        talk: say where things are, besides logging it.
    """
    import structlog

    from starfort.config import ConfigError
    from starfort.runtime.lock import StartError
    from starfort.runtime.toolchain import RefusedError

    log = structlog.get_logger("starfort.up")
    runtime, made = _make(path)
    told = False
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    reloads: set[asyncio.Task[Any]] = set()

    def again() -> None:
        task = asyncio.create_task(runtime.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    def end() -> None:
        stop.set()
        # A second signal ends a stop that hangs. Envoy goes on then; the next start takes it over.
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    starting = asyncio.create_task(runtime.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.gather(starting, return_exceptions=True)
            told = True
            return
        starting.result()
        told = True
        loop.add_signal_handler(signal.SIGHUP, again)
        places = _places(runtime, made.get("first_password"))
        log.info("starfort_ready", **{name.replace(" ", "_"): where for name, where in places})
        if talk:
            _introduce(places)
        failing = asyncio.create_task(runtime.failed())
        await asyncio.wait({failing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        failed = failing.done()
        failing.cancel()
    except RefusedError as error:
        raise FoundError("the configuration is refused:\n" + "\n".join(error.problems)) from None
    except (StartError, ConfigError) as error:
        raise CliError(str(error)) from None
    finally:
        # A start that failed says why, and nothing else.
        note = log.info if told else log.debug
        note("starfort_stopping")
        stopping.cancel()
        for task in reloads:
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await runtime.stop()
        note("starfort_stopped")
    if failed:
        raise CliError(
            "a part of Starfort that must run ended with an error, so it stopped", "see its log above"
        )


def _make(path: "Path") -> "tuple[Runtime, dict[str, Any]]":
    """A runtime of the real parts, and what its application says of itself once it started."""
    from starfort.runtime import Runtime
    from starfort.runtime.assemble import makers

    made: dict[str, Any] = {}

    def app(runtime: Runtime) -> Any:
        # Takes a second of CPU to import, in a thread: Envoy listens before.
        from starfort.api.app import create_app

        application = create_app(runtime)
        made["first_password"] = application.state.first_password
        return application

    return Runtime(path, makers(app)), made


def _places(runtime: "Runtime", first_password: "Path | None") -> list[tuple[str, str]]:
    """Where everything is, by name."""
    config = runtime.config
    found = [
        (f"listener {each.name}", f"{'https' if each.tls else 'http'}://{each.address}/")
        for each in config.listeners
    ]
    if runtime.admin_port:
        host = config.admin.address.rpartition(":")[0]
        base = f"{'https' if config.admin.tls else 'http'}://{host}:{runtime.admin_port}"
        found.append(("dashboard", f"{base}/"))
        found.append(("api", f"{base}/api/v1/"))
        if config.admin.metrics:
            found.append(("metrics", f"{base}/metrics"))
    if first_password is not None:
        # Not named after what is in the file: the log blanks fields that speak of secrets.
        found.append(("first login", f"admin, see {first_password}"))
    found.append(("data", str(runtime.data_dir)))
    return found


def _introduce(places: list[tuple[str, str]]) -> None:
    output.say(f"\nStarfort {starfort.__version__} is up.", "bold green")
    width = max(len(name) for name, _ in places)
    for name, where in places:
        output.say(f"  {name:<{width}}  {where}")
    output.say("Ctrl-C stops it. In another terminal: starfort status, starfort events --follow\n")
