"""Checks that come with Starfort, run over the suite's store."""

from __future__ import annotations

import datetime as dt

from starfort.posture.check import Check
from starfort.posture.configured import Configured
from starfort.posture.finding import PostureFinding
from starfort.posture.runner import Scope, run_check
from starfort.questions.ask import WHOLE
from starfort.runtime.questions import builtin_files
from starfort.store import Store
from tests.support.events import START

CHECKS = {path.stem: Check.load(path, builtin=True) for path in builtin_files("checks")}
"""Every check by query, by its name."""


def findings(
    store: Store,
    name: str,
    api: str,
    configured: Configured | None = None,
    around: tuple[dt.timedelta, dt.timedelta] = (dt.timedelta(minutes=5), dt.timedelta(minutes=5)),
) -> list[PostureFinding]:
    """What one check finds about one API.

    Args:
        store: the suite's.
        name: the check.
        api: the API.
        configured: what is configured.
        around: how long before and after `START` the window begins and ends.
    """
    check = CHECKS[name]
    before, after = around
    scope = Scope(store, configured or Configured(), START + after)
    scope.window = lambda _: before + after  # type: ignore[method-assign]  # the suite's events are of all times
    return [found for found in run_check(store, check, scope, WHOLE)[0] if found.api == api]
