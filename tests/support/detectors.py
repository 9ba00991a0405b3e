"""Small detectors for tests of what runs them."""

from __future__ import annotations

from pathlib import Path

from starfort.signals.detector import Detector

FRONT = """/*
name: many
kind: many
title: "Many: {requests}"
description: d
watches: w
key_type: address
window: 60s
thresholds:
  most: {default: 10, minimum: 1, description: requests}
  share: {default: 0.5, maximum: 1.0, description: share}
severity: low
ttl: 5m
score: s
*/
"""
SQL = """SELECT 'a' AS key, {share:Float64} AS score
FROM events
WHERE time > {since:DateTime64(6, 'UTC')} AND 1 > {most:UInt32} -- ; is fine here
  AND path != ';{x:String}'
"""
SAMPLED = "AND cityHash64(address) % {slots:UInt32} = {slot:UInt32}"


def detector(name: str = "many") -> Detector:
    """A detector whose query names it."""
    return Detector.parse(
        FRONT.replace("name: many", f"name: {name}") + f"{SQL} -- {name}", Path(f"{name}.sql")
    )


def counting(
    more: str = "", *, api: str = "", every: str = "1s", ttl: str = "5m", window: str = "60s"
) -> Detector:
    """A detector that signals an address with more than 10 events of an API within its window."""
    front = (
        FRONT.replace("default: 10, minimum: 1", "default: 11, minimum: 3, per_window: true")
        .replace("window: 60s", f"window: {window}\nevery: {every}")
        .replace("ttl: 5m", f"ttl: {ttl}")
    )
    sql = f"""
SELECT replaceOne(toString(address), '::ffff:', '') AS key, {{share:Float64}} AS score, count() AS requests
FROM events
WHERE time > {{since:DateTime64(6, 'UTC')}} AND time <= {{until:DateTime64(6, 'UTC')}} AND api = '{api}' {more}
GROUP BY key
HAVING requests >= {{most:UInt32}} -- many
"""
    return Detector.parse(front + sql, Path("many.sql"))
