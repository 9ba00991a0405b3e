"""Warns of parts of a configuration that have no effect.

Without a warning, people would rely on a protection that does not exist. A warning refuses nothing, because
the configuration is correct and may be meant so. Each warning names its location and a fix.
"""

from __future__ import annotations

from starfort.compile.warnings.context import Context
from starfort.compile.warnings.found import warnings_of

__all__ = ["Context", "warnings_of"]
