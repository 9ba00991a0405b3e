"""The type of JSON that other programs write or read: Envoy's resources, answers and statistics."""

from __future__ import annotations

from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]
"""A JSON object; nothing is known of its values."""
