"""Ends an Envoy without cutting the requests that are under way."""

from __future__ import annotations

import asyncio
import time

import structlog

from starfort.dataplane.envoy.admin import Admin
from starfort.dataplane.envoy.process import Process

log = structlog.get_logger(__name__)


async def drain(admin: Admin, running: Process, limit_s: float) -> None:
    """Ask clients to leave, then accept no new ones, and wait for requests under way.

    Args:
        admin: the interface of the Envoy.
        running: its process.
        limit_s: how long it may take; each of the two steps gets half.
    """
    half = limit_s / 2
    # A load balancer that checks health looks elsewhere, and open connections are told to close
    # (`Connection: close`, GOAWAY) while new ones are still taken: nobody meets a closed port meanwhile.
    await admin.post("/healthcheck/fail")
    await admin.post("/drain_listeners?graceful&skip_exit")
    if not await _idle(admin, running, half):
        await admin.post("/drain_listeners")
        if not await _idle(admin, running, half):
            log.warning("envoy_requests_cut", requests=await admin.active_requests())


async def _idle(admin: Admin, running: Process, limit_s: float) -> bool:
    """Wait until no request is under way; false when that takes longer than `limit_s`."""
    # An Envoy that does not answer counts as idle: nothing would tell when its requests have ended.
    deadline = time.monotonic() + limit_s
    while running.alive() and (await admin.active_requests() or 0) > 0:
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.05)
    return True
