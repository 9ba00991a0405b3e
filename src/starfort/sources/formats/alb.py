"""AWS Application Load Balancer access logs.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
"""

from __future__ import annotations

from typing import Final

from starfort.sources.formats.fields import Fields
from starfort.sources.formats.template import Template

_FIELDS: Final[tuple[tuple[str, ...], ...]] = (
    ("kind",), ("end_time",), (), ("address",), (), ("wait_1",), ("wait_2",), ("wait_3",), ("status",), (),
    (), ("response_bytes",),
)  # fmt: skip
_QUOTED: Final[tuple[tuple[str, ...], ...]] = (("request",), ("req:user-agent",))
_MIDDLE: Final[tuple[tuple[str, ...], ...]] = ((), ("tls",), ())


def _template() -> Template:
    tokens: list[str | tuple[str, ...]] = []
    for field in _FIELDS:
        tokens += [field, " "]
    tokens[-1] = ' "'
    for field in _QUOTED:
        tokens += [field, '" "']
    tokens[-1] = '" '
    for field in _MIDDLE:
        tokens += [field, " "]
    # "trace_id" "domain_name" "chosen_cert_arn" matched_rule_priority request_creation_time …
    tokens[-1] = ' "'
    tokens += [(), '" "', ("server",), '" "', (), '" ', (), " ", ("time",)]
    # AWS appends fields to the format now and then.
    return Template(tuple(tokens), escapes=True, rest=True)


_TEMPLATE: Final = _template()
_SECURE: Final = frozenset({"https", "h2", "grpcs", "wss"})
_KINDS: Final = frozenset({"http", "ws", *_SECURE})


def read(line: str) -> Fields:
    """The fields of a line.

    Raises:
        ValueError: the line does not have this format.
    """
    found = _TEMPLATE.read(line)
    kind = found.pop("kind", "")
    if kind not in _KINDS:
        raise ValueError(f"{kind[:20]!r} is no type of request of a load balancer")
    found["scheme"] = "https" if kind in _SECURE else "http"
    # -1 stands for a part that did not come about.
    waits = [float(found.pop(name, "0")) for name in ("wait_1", "wait_2", "wait_3")]
    found["duration_us"] = str(round(sum(max(0.0, wait) for wait in waits) * 1e6))
    request = found.get("request", "")
    if kind in {"h2", "grpcs"} and "protocol" not in found:
        found["protocol"] = request.rpartition(" ")[2] or "HTTP/2"
    return found
