"""Wires everything together; reload; shutdown."""

from starfort.runtime.runtime import Runtime
from starfort.runtime.status import NodeStatus, PolicyStatus, ReloadResult, Status

__all__ = ["NodeStatus", "PolicyStatus", "ReloadResult", "Runtime", "Status"]
