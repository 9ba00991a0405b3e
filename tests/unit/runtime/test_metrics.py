"""Metrics that Starfort makes of what Envoy counts."""

from starfort.runtime.metrics import EnvoyCollector

ENVOY = b"""# TYPE envoy_http1_dropped_headers_with_underscores counter
envoy_http1_dropped_headers_with_underscores{} 4
envoy_http2_dropped_headers_with_underscores{} 3
envoy_http1_requests_rejected_with_underscores_in_headers{} 2
envoy_cluster_http1_dropped_headers_with_underscores{envoy_cluster_name="shop"} 50
"""


def _counts(envoy: bytes) -> dict[str, float]:
    (family,) = EnvoyCollector(envoy).collect()
    return {sample.labels["action"]: sample.value for sample in family.samples}


def test_headers_with_underscores_are_counted() -> None:
    """Of requests, over both versions of HTTP; those of upstreams' answers are none; without Envoy there are none."""
    assert _counts(ENVOY) == {"dropped": 7, "rejected": 2}
    assert _counts(b"") == {"dropped": 0, "rejected": 0}
