"""`starfort up`."""

import asyncio
import contextlib
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

import starfort
from starfort.cli import options, output
from starfort.cli.errors import CliError, FoundError
from starfort.cli.target import config_path

if TYPE_CHECKING:
    from pathlib import Path

    from structlog.typing import FilteringBoundLogger

    from starfort.runtime import ReloadResult, Runtime
    from starfort.runtime.admin import App
    from starfort.runtime.assemble import Assembly

Next: TypeAlias = tuple[list[str], dict[str, str]]
"""Arguments and environment of the program to go on as."""


def up(
    *,
    config: options.Config = None,
    log_format: Annotated[
        Literal["auto", "console", "json"],
        typer.Option(help="Log lines for people or as JSON; auto: JSON unless stderr is a terminal."),
    ] = "auto",
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], typer.Option(help="The lowest level to log.")
    ] = "info",
) -> None:
    """Run Starfort in the foreground. SIGTERM and Ctrl-C stop it, SIGHUP reads the configuration again."""
    from starfort.runtime import logs, succession

    logs.configure(log_format, log_level)
    # `starfort restart` may signal before there is a handler, and the default action would end this process.
    succession.deafen()
    # In full, because the program that goes on may be started in another folder.
    # Links stay: a mounted ConfigMap and a release folder are changed by replacing one.
    path = config_path(config).absolute()
    next_ = asyncio.run(_run(path, talk=log_format == "console" or sys.stderr.isatty()))
    if next_ is not None:
        arguments, environment = next_
        # exec keeps the process id, so a service manager that watches it sees no end.
        succession.deafen()
        os.execve(arguments[0], arguments, environment)  # noqa: S606 (who may write the request owns us)


async def _run(path: "Path", *, talk: bool) -> "Next | None":
    """Start, run until a signal or a failure ends it, and stop everything in order.

    Args:
        path: the configuration file.
        talk: tell where things are, besides logging it.

    Returns:
        The program to go on as; `None` to end.
    """
    from starfort.config import ConfigError
    from starfort.runtime import succession
    from starfort.runtime.lock import StartError
    from starfort.runtime.toolchain import RefusedError

    # Both are taken out of the environment, before anything that is started could inherit them.
    asked, before = succession.answered(), succession.predecessor()
    assembly, made = _make(path)
    life = _Life()
    quiet = False
    try:
        return await _live(life, assembly, made, asked, talk=talk)
    except (RefusedError, StartError, ConfigError) as error:
        failed = _failed(error)
        # Without a data directory nobody can be told, and nobody asked.
        if not asked or assembly.data_dir is None:
            quiet = True  # a start that failed says why, and nothing else
            raise failed from None
        return _give_back(assembly.data_dir, asked, before, failed)
    finally:
        await _end(life, quiet=quiet)


class _Life:
    """The parts of a run that have to be stopped at its end."""

    def __init__(self) -> None:
        self.told = _Told()
        self.runtime: Runtime | None = None


async def _live(
    life: _Life, assembly: "Assembly", made: "dict[str, Path | None]", asked: str, *, talk: bool
) -> "Next | None":
    """Start everything, say so, and wait for a signal that ends it."""
    from starfort.runtime import succession

    life.runtime = runtime = await _assemble(assembly)
    if not await _start(runtime, life.told):
        return None
    places = _places(runtime, made.get("first_password"))
    _log().info("starfort_ready", **{name.replace(" ", "_"): where for name, where in places})
    _tell(runtime, asked)
    if talk:
        # The terminal may be closed by now, which is no reason to end.
        with contextlib.suppress(OSError):
            _introduce(places)
    while await life.told.to_replace():
        # The request may ask for something that cannot be run: then this program goes on.
        if (next_ := succession.successor(runtime.data_dir)) is not None:
            return next_
    return None


def _give_back(data_dir: "Path", asked: str, before: list[str] | None, failed: CliError) -> "Next":
    """Say why a restart failed, and go on as the program that was there before.

    Raises:
        CliError: there was none.
    """
    from starfort.runtime import succession

    rest = "the one before goes on" if before else "Envoy goes on with what it has"
    what = f"Starfort {starfort.__version__} did not start, {rest}: {failed.what}"
    succession.tell(data_dir, succession.Outcome(asked, ok=False, error=what))
    if not before:
        raise failed from None
    _log().error("starfort_given_back", why=failed.what)
    return before, dict(os.environ)


async def _end(life: _Life, *, quiet: bool) -> None:
    """Stop everything, or leave Envoy running for the next program.

    Args:
        life: what runs.
        quiet: log it at the level of debugging.
    """
    stops = life.told.stop.is_set()
    note = _log().debug if quiet else _log().info
    note("starfort_stopping", envoy="" if stops else "goes on")
    with contextlib.suppress(asyncio.CancelledError):
        # Whatever else went wrong here is no reason to end Envoy: only a signal does.
        if life.runtime is not None:
            await (life.runtime.stop() if stops else life.runtime.leave())
    note("starfort_stopped")


def _log() -> "FilteringBoundLogger":
    import structlog

    log: FilteringBoundLogger = structlog.get_logger("starfort.up")
    return log


class _Told:
    """What the signals of the operating system told this process to do."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self._replace = asyncio.Event()
        self._reloads: set[asyncio.Task[ReloadResult]] = set()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._end)

    def _end(self) -> None:
        self.stop.set()
        # A second signal ends a stop that hangs. Envoy goes on then; the next start takes it over.
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)

    def started(self, runtime: "Runtime") -> None:
        """Listen, from now on, to the signals that reload and replace the runtime."""
        from starfort.runtime import succession

        # A task that nobody holds may be collected while it runs, so the set holds it.
        def again() -> None:
            task = asyncio.create_task(runtime.reload())
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, again)
        loop.add_signal_handler(succession.SIGNAL, self._replace.set)

    async def to_replace(self) -> bool:
        """Wait for a signal: true when another program is to go on, false when this one is to stop."""
        waits = {asyncio.create_task(event.wait()) for event in (self.stop, self._replace)}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in (*waits, *(self._reloads if self.stop.is_set() else ())):
            task.cancel()
        self._replace.clear()
        return not self.stop.is_set()


async def _start(runtime: "Runtime", told: _Told) -> bool:
    """Start everything; false when a signal stopped it before that was done."""
    starting = asyncio.create_task(runtime.start())
    stopping = asyncio.create_task(told.stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            # Waited for: nothing may still be starting when `_end` stops the parts.
            await asyncio.gather(starting, return_exceptions=True)
            return False
        starting.result()
    finally:
        stopping.cancel()
    told.started(runtime)
    return True


def _failed(error: Exception) -> CliError:
    """An error of the start as an error of the command line."""
    from starfort.runtime.toolchain import RefusedError

    if isinstance(error, RefusedError):
        return FoundError("the configuration is refused:\n" + "\n".join(error.problems))
    return CliError(str(error))


def _tell(runtime: "Runtime", asked: str) -> None:
    """Answer a request to restart."""
    from starfort.runtime import succession

    if not asked:
        return
    envoy = runtime.envoy_status()
    error = (
        envoy.stale and f"Starfort {starfort.__version__} runs, and Envoy is the one before: {envoy.stale}"
    )
    done = succession.Outcome(
        asked,
        ok=not error,
        version=starfort.__version__,
        pid=os.getpid(),
        envoy=envoy.pid,
        leaving=envoy.leaving,
        pending=envoy.pending,
        error=error,
    )
    succession.tell(runtime.data_dir, done)


def _make(path: "Path") -> "tuple[Assembly, dict[str, Path | None]]":
    """The assembly that makes the runtime, and a dictionary for the path of the first password's file."""
    from starfort.runtime.assemble import Assembly

    made: dict[str, Path | None] = {}

    def app(runtime: "Runtime") -> "App":
        # This import takes a second of CPU; it runs in a thread, and Envoy listens before it is done.
        from starfort.api.app import create_app

        application = create_app(runtime)
        made["first_password"] = application.state.first_password
        return application

    return Assembly(path, app), made


async def _assemble(assembly: "Assembly") -> "Runtime":
    """Make the parts in a thread. Signals are heard meanwhile and acted on when the parts are made."""
    from starfort.runtime.runtime import threads

    asyncio.get_running_loop().set_default_executor(threads())
    return await asyncio.to_thread(assembly.runtime)


def _places(runtime: "Runtime", first_password: "Path | None") -> list[tuple[str, str]]:
    """Where everything is, by name."""
    from starfort.base.addresses import parse_address

    config = runtime.config
    found = [
        (f"listener {each.name}", f"{'https' if each.tls else 'http'}://{each.address}/")
        for each in config.listeners
    ]
    if runtime.admin_port:
        place = replace(parse_address(config.admin.address), port=runtime.admin_port)
        base = f"{'https' if config.admin.tls else 'http'}://{place}"
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
