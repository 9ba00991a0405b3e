"""Security headers."""

import httpx
import pytest


@pytest.mark.parametrize(
    "path", ["/api/v1/status", "/api/v1/openapi.json", "/healthz", "/metrics", "/api/none"]
)
async def test_headers_are_everywhere(client: httpx.AsyncClient, path: str) -> None:
    """Errors and answers of the API cannot be framed, sniffed, cached or made to load anything."""
    headers = (await client.get(path)).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
