"""Renders all of Envoy's resources for one data plane, as the files that Envoy reads."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from starfort.dataplane import ir
from starfort.dataplane.envoy import sources
from starfort.dataplane.envoy.bootstrap import bootstrap
from starfort.dataplane.envoy.cluster import clusters
from starfort.dataplane.envoy.filters import jwt_authentication
from starfort.dataplane.envoy.listener import listeners
from starfort.dataplane.envoy.route import routes
from starfort.dataplane.envoy.secrets import secrets
from starfort.dataplane.json import Json


@dataclass(frozen=True, slots=True)
class Resources:
    """The files that Envoy reads.

    Attributes:
        bootstrap: the file that it starts with.
        files: `DiscoveryResponse` by path under the data plane's directory.
    """

    bootstrap: Json
    files: dict[str, Json]


def render(dataplane: ir.Dataplane) -> Resources:
    """Envoy's resources of a data plane. The same data plane gives the same bytes."""
    files = {
        sources.CLUSTERS: response(clusters(dataplane)),
        sources.ROUTES: response([routes(dataplane)]),
        sources.LISTENERS: response(listeners(dataplane)),
    }
    if dataplane.jwt_providers:
        files[sources.JWT] = response([jwt_authentication(dataplane)])
    for name, (secret, fingerprint) in secrets(dataplane).items():
        files[f"{sources.SECRETS}/{name}.json"] = response([secret], fingerprint)
    return Resources(bootstrap(dataplane), files)


def response(resources: list[Json], fingerprint: str = "") -> Json:
    """A `DiscoveryResponse` with a version made from its content and from the files that it points to."""
    # The same content has the same version: after a restart of the control plane nothing is read anew.
    text = json.dumps(resources, sort_keys=True) + fingerprint
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {"version_info": version, "resources": resources}


def joined(old: Json | None, new: Json) -> Json:
    """`new`, and the resources of `old` that have other names, for the time in which routes name both.

    This works for responses whose resources have names (clusters), and for the response of the JWT filter,
    whose providers and requirements are joined.
    """
    if old is None:
        return new
    if _jwt_config(new) is not None:
        return _joined_jwt(old, new)
    names = {resource["name"] for resource in new["resources"]}
    kept = [resource for resource in old["resources"] if resource["name"] not in names]
    return response([*new["resources"], *kept]) if kept else new


def _joined_jwt(old: Json, new: Json) -> Json:
    before, after = _jwt_config(old), _jwt_config(new)
    if before is None or after is None:
        return new
    config = {**after}
    for part in ("providers", "requirement_map"):
        config[part] = {**before.get(part, {}), **after.get(part, {})}
    # Joining has added nothing: the version stays, so Envoy reads nothing twice.
    if config == after:
        return new
    (resource,) = new["resources"]
    return response([{**resource, "typed_config": config}])


def _jwt_config(answer: Json) -> Json | None:
    resources = answer["resources"]
    config = resources[0].get("typed_config", {}) if len(resources) == 1 else {}
    return config if str(config.get("@type", "")).endswith("JwtAuthentication") else None
