"""Warns of parts of a configuration that have no effect.

People would rely on a protection that is not there. A warning refuses nothing, because the configuration is
correct and may be meant so. Each names its location and the fix.
"""

from __future__ import annotations

from starfort.compile.warnings.context import Context
from starfort.compile.warnings.found import warnings_of

__all__ = ["Context", "warnings_of"]
