"""Names the files that may change while Envoy runs. They are in one directory, and a rename replaces them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from starfort.dataplane.json import Json

LISTENERS: Final = "listeners.json"
CLUSTERS: Final = "clusters.json"
ROUTES: Final = "routes.json"
JWT: Final = "jwt.json"
SECRETS: Final = "secrets"

ROUTE_CONFIG: Final = "starfort"
"""Name of the one route configuration that every listener uses."""

JWT_FILTER: Final = "jwt"
"""Name of the JWT filter, under which its configuration is found."""


def file_source(path: Path) -> Json:
    """A `ConfigSource` for a file. Envoy reads it again when another file is renamed over it."""
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def secret_file(directory: Path, name: str) -> Path:
    """The file of a secret. Each secret has its own file, because a subscription takes only one secret."""
    return directory / SECRETS / f"{name}.json"


def secret_reference(directory: Path, name: str) -> Json:
    """A `SdsSecretConfig`."""
    return {"name": name, "sds_config": file_source(secret_file(directory, name))}
