"""Makes, starts, reloads and stops one control plane.

`Runtime` is imported only when it is used, because `starfort check` needs neither store nor proxy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from starfort.runtime.status import NodeStatus, PolicyStatus, ReloadResult, Status

if TYPE_CHECKING:
    from starfort.runtime.runtime import Runtime

__all__ = ["NodeStatus", "PolicyStatus", "ReloadResult", "Runtime", "Status"]


def __getattr__(name: str) -> object:
    if name != "Runtime":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return import_module("starfort.runtime.runtime").Runtime
