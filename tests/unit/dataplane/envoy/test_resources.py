"""Joining resources, so that nothing in force refers to what is gone; reasons out of Envoy's log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from starfort.dataplane.envoy.publish import reasons
from starfort.dataplane.envoy.resources import joined, response

JWT_TYPE = "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication"


def jwt(**config: Any) -> dict[str, Any]:
    """A JWT filter's response."""
    return response([{"name": "jwt", "typed_config": {"@type": JWT_TYPE, **config}}])


def test_old_clusters_stay_beside_new_ones() -> None:
    """By name, the new one's content counts; without anything to keep it is the new response itself."""
    old = response([{"name": "a", "type": "STATIC"}, {"name": "b"}])
    new = response([{"name": "b", "type": "STRICT_DNS"}, {"name": "c"}])
    both = joined(old, new)
    assert {one["name"]: one.get("type") for one in both["resources"]} == {
        "a": "STATIC", "b": "STRICT_DNS", "c": None
    }  # fmt: skip
    assert both["version_info"] not in {old["version_info"], new["version_info"]}
    assert joined(None, new) is new
    assert joined(new, new) is new


def test_old_jwt_requirements_stay_beside_new_ones() -> None:
    """Routes in force name old requirements until they are replaced."""
    old = jwt(providers={"a": {"issuer": "1"}}, requirement_map={"a": {}})
    new = jwt(providers={"a": {"issuer": "2"}, "b": {"issuer": "3"}}, requirement_map={"b": {}})
    config = joined(old, new)["resources"][0]["typed_config"]
    assert config["providers"] == {"a": {"issuer": "2"}, "b": {"issuer": "3"}}
    assert config["requirement_map"] == {"a": {}, "b": {}}
    assert joined(new, new) is new
    assert joined(response([]), new) is new


def test_a_version_is_of_content_and_of_files() -> None:
    """The same resources with another certificate behind them have another version."""
    one, same, other = response([{"a": 1}], "x"), response([{"a": 1}], "x"), response([{"a": 1}], "y")
    assert one == same
    assert one["version_info"] != other["version_info"]


def test_reasons_are_the_worst_and_newest_sentences(tmp_path: Path) -> None:
    """Errors before warnings, only since the mark; raw lines when Envoy had no time to log properly."""
    log = tmp_path / "envoy.log"
    lines = [("error", "old"), ("warning", "meh"), ("error", "bad"), ("error", "bad"), ("info", "hello")]
    text = [json.dumps({"level": level, "message": message}) + "\n" for level, message in lines]
    log.write_text("".join(text))
    assert reasons(log, len(text[0])) == "bad"
    assert reasons(log, log.stat().st_size) == "its log does not say why"
    log.write_text("Segmentation fault\n")
    assert reasons(log, 0) == "Segmentation fault"
    assert reasons(tmp_path / "none", 0) == "its log does not say why"
