"""Where each Envoy of a family has its files, and how it is started.

During a hand-over two Envoys of one family run at the same time, so every second one has a directory of its
own. An Envoy on trial has a third one.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from starfort.base.addresses import SocketAddress
from starfort.dataplane import ir
from starfort.dataplane.envoy import binary, hot
from starfort.dataplane.envoy.bootstrap import bootstrap
from starfort.dataplane.envoy.process import Command
from starfort.dataplane.envoy.resources import Resources, render
from starfort.dataplane.json import Json

BOOTSTRAP: Final = "bootstrap.json"

NEXT: Final = "next"
"""Directory for the files of every second Envoy of a family."""

TRIAL: Final = "trial"
"""Directory for the files of an Envoy on trial."""

MARGIN_S: Final = 5
"""How much longer than the longest answer an Envoy that was replaced may run."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A data plane with a place of its own.

    Attributes:
        origin: the data plane as it was given; it decides whether a new process is needed.
        dataplane: the same data plane with the directory and the admin socket of its place.
        resources: Envoy's files for it.
    """

    origin: ir.Dataplane
    dataplane: ir.Dataplane
    resources: Resources


class Placement:
    """Places Envoys of one data directory.

    Args:
        data_dir: where the sockets of hot restarts are.
        log_file: the file to which Envoy writes its log.
        programs: program and filter directory to use instead of the installed ones, or `None` for each.
    """

    def __init__(self, data_dir: Path, log_file: Path, programs: tuple[Path | None, Path | None]) -> None:
        self._data_dir = data_dir
        self._log_file = log_file
        self._programs = programs

    async def programs(self) -> binary.Binary:
        """The Envoy and the filter that are installed now.

        Raises:
            EnvoyError: one is missing, or they do not fit each other.
        """
        return await asyncio.to_thread(binary.find, *self._programs)

    async def of_epoch(self, dataplane: ir.Dataplane, epoch: int) -> Placed:
        """The place of one Envoy of a family."""
        directory = dataplane.directory / NEXT if epoch % 2 else dataplane.directory
        admin_socket = admin_socket_of(dataplane.admin_socket, epoch)
        placed = dataclasses.replace(dataplane, directory=directory, admin_socket=admin_socket)
        return Placed(dataplane, placed, await asyncio.to_thread(render, placed))

    @staticmethod
    async def on_trial(dataplane: ir.Dataplane) -> Placed:
        """The place of an Envoy on trial.

        It listens on free ports of this machine. Its filter must find the bundle. It finds no control socket,
        so it gets no signals and sends no events.
        """
        here = SocketAddress("127.0.0.1", 0)
        settings = dataclasses.replace(
            dataplane.filter_settings,
            socket=dataplane.filter_settings.socket.with_name("none.sock"),
            require_bundle=True,
        )
        trial = dataclasses.replace(
            dataplane,
            directory=dataplane.directory / TRIAL,
            admin_socket=dataplane.admin_socket.with_name(f"{TRIAL}.sock"),
            workers=1,
            listeners=tuple(dataclasses.replace(one, address=here) for one in dataplane.listeners),
            filter_settings=settings,
        )
        return Placed(dataplane, trial, await asyncio.to_thread(render, trial))

    @staticmethod
    def identity(dataplane: ir.Dataplane, programs: binary.Binary) -> str:
        """A text that differs for every other program, filter or bootstrap, and is the same in each place."""
        # The data plane is the one that was given: each place has another directory and admin socket.
        found: list[str | Json] = [programs.build, *_arguments(dataplane, programs), bootstrap(dataplane)]
        return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()

    def command(self, placed: Placed, programs: binary.Binary, base_id: int, epoch: int = 0) -> Command:
        """How an Envoy is started in its place.

        Args:
            placed: the place.
            programs: what is started.
            base_id: number of its family; 0: it cannot hand over to another.
            epoch: how many of its family were before it.
        """
        arguments = (
            *_arguments(placed.dataplane, programs),
            "--config-path", str(placed.dataplane.directory / BOOTSTRAP),
            *hot.arguments(self._data_dir, base_id, epoch),
        )  # fmt: skip
        identity = self.identity(placed.origin, programs)
        return Command(arguments, programs.modules, self._log_file, identity, base_id, epoch)


def _arguments(dataplane: ir.Dataplane, programs: binary.Binary) -> tuple[str, ...]:
    # Not the processors of the machine: a container may be allowed to run on fewer.
    workers = dataplane.workers or len(os.sched_getaffinity(0))
    longest = longest_answer_s(dataplane)
    return (
        str(programs.envoy),
        "--concurrency", str(workers),
        "--log-level", "warning",
        # Ours is the only drain that is asked for, and a gradual one would close listeners at random times.
        "--drain-strategy", "immediate",
        "--drain-time-s", str(longest),
        "--parent-shutdown-time-s", str(longest + MARGIN_S),
    )  # fmt: skip


def admin_socket_of(first: Path, epoch: int) -> Path:
    """The administration socket of an Envoy by its epoch: two run at once, so two names alternate."""
    return first.with_stem(f"{first.stem}-{NEXT}") if epoch % 2 else first


def longest_answer_s(dataplane: ir.Dataplane) -> int:
    """How many seconds an answer may still take that is under way when another Envoy takes over."""
    answers = (one.timeout_s + MARGIN_S for one in dataplane.upstreams)
    return math.ceil(max(dataplane.handover_s, *answers, 1))
