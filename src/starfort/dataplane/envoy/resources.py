"""All of Envoy's resources of one data plane, as the files that Envoy reads."""

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
    """What Envoy reads.

    Attributes:
        bootstrap: what it starts with.
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
    """A `DiscoveryResponse` whose version is made of its content and of the content that it points to."""
    text = json.dumps(resources, sort_keys=True) + fingerprint
    version = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {"version_info": version, "resources": resources}


def joined(old: Json | None, new: Json) -> Json:
    """`new`, and what of `old` has other names: in force while some still refers to the old.

    Only for responses whose resources have names (clusters), and for the JWT filter's, of which providers
    and requirements are joined.
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
    if config == after:
        return new
    (resource,) = new["resources"]
    return response([{**resource, "typed_config": config}])


def _jwt_config(answer: Json) -> Json | None:
    resources = answer["resources"]
    config = resources[0].get("typed_config", {}) if len(resources) == 1 else {}
    return config if str(config.get("@type", "")).endswith("JwtAuthentication") else None
