"""What of a configuration has no effect, so that people believe in a protection that is not there.

A warning refuses nothing: the configuration is right, and may be meant so. Each names its place and the fix.
"""

from __future__ import annotations

from starfort.compile.warnings.context import Context
from starfort.compile.warnings.found import warnings_of

__all__ = ["Context", "warnings_of"]
