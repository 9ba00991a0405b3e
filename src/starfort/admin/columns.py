"""The columns of a table of endpoints, which the REST API and the command line both write."""

from typing import Final

ENDPOINT_COLUMNS: Final = (
    "id", "api", "method", "host", "path", "documented", "state", "labels", "requests", "error_share",
    "authenticated", "sensitive", "risk", "risk_level", "first_seen", "last_seen",
)  # fmt: skip
"""Names of fields of `models.EndpointSummary`."""
