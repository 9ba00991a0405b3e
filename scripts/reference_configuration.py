"""The page of every setting, from the models of `starfort.config`: types, defaults, descriptions, examples."""

import json
import re
import types
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from starfort.config import fields
from starfort.config.model import Config

HEAD = """<!-- Made by scripts/reference.py from the models in src/starfort/config; don't edit. -->
# Configuration

Everything is in one file, `starfort.yaml`. `starfort init` writes a commented one, `starfort check` says with file, line and
column what is wrong with yours, and `starfort config schema` gives editors the JSON Schema. A change of the file, or of a file that it
names, comes into force by itself; one with mistakes changes nothing, and `starfort status` says why.

| written as | what it is |
|---|---|
| duration | a number and a unit: `500ms`, `10s`, `5m`, `2h`, `7d` |
| size | bytes, or a number and a unit: `64KiB`, `1MiB`, `10MB` |
| rate | requests and a period: `10/s`, `100/1m` |
| name | letters, digits, `_`, `.`, `-`; at most 63; unique among its kind |
| address | `host:port`: `127.0.0.1:8080`, `[::1]:8080` |
| network | an address or a network: `192.0.2.1`, `192.0.2.0/24`, `2001:db8::/32` |
| file | a path; a relative one counts from the folder of `starfort.yaml` |
| time | a date or a time: `2027-01-31`, `2027-01-31T12:00:00Z` |

Unknown keys are mistakes. Secrets never stand in the file: `…_file` and `…_env` name where they are.
"""

NAMED: list[tuple[Any, str]] = [
    (fields.Duration, "duration"),
    (fields.Size, "size"),
    (fields.Network, "network"),
    (fields.Address, "address"),
    (fields.Expiry, "time"),
    (fields.Name, "name"),
    (fields.HeaderName, "header name"),
    (Path, "file"),
    (str, "text"),
    (bool, "`true` or `false`"),
    (int, "whole number"),
    (float, "number"),
    (datetime, "time"),
    (Any, "any"),
]

RATES = {("LimitAction", "rate"): "rate"}
"""Fields whose type says less than how they are written."""

EXAMPLES = {
    "": "version: 1\nlisteners: [{name: public, address: 127.0.0.1:8080}]\n"
    "upstreams: [{name: shop, addresses: [127.0.0.1:9001]}]\napis: [{name: shop, upstream: shop}]",
    "listeners": "listeners:\n  - name: public\n    address: 0.0.0.0:8443\n"
    "    tls: {certificate: tls.crt, key: tls.key, client_ca: ca.crt, client_certificate: optional}",
    "upstreams": "upstreams:\n  - name: shop\n    addresses: [10.0.0.11:9001, 10.0.0.12:9001]\n    connect_timeout: 1s\n"
    "    retries: {attempts: 2, on: [connect-failure, refused-stream]}\n"
    "    health_check: {path: /healthz, interval: 5s, timeout: 1s}\n    tls: {server_name: shop.internal, ca: ca.crt}",
    "apis": "apis:\n  - name: shop\n    hosts: [shop.example.com]\n    base_paths: [/]\n    upstream: shop\n"
    "    openapi: shop-openapi.yaml\n    labels: [public]\n    authentication: [staff]\n    endpoints:\n"
    "      - match: POST /login\n        labels: [login]\n        login: {username: email, password: password}\n"
    "      - match: POST /import\n        limits: {request_body: 16MiB, work: 500000000}",
    "identity": "identity:\n  jwt:\n    - {name: staff, issuer: https://id.example.com, audiences: [shop], jwks_url: https://id.example.com/jwks}\n"
    "  api_keys:\n    sources: [{header: x-api-key}, {query: key}]\n    keys_file: api-keys.yaml\n  mtls: true",
    "trusted_proxies": "trusted_proxies: [10.0.0.0/8, 2001:db8:1::/48]",
    "geo": "geo: {country: GeoLite2-Country.mmdb, asn: GeoLite2-ASN.mmdb}",
    "limits": "limits: {request_body: 4MiB, depth: 100, over_limit: refuse}",
    "lists": "lists:\n  - {name: office, addresses: [192.0.2.0/24]}\n  - {name: tor, file: tor.txt}",
    "responses": "responses:\n  - name: login-failed\n    status: 401\n    headers: {content-type: application/json}\n"
    '    body: \'{"error":"invalid credentials"}\'',
    "sensitive": "sensitive: {classes: [card_number, iban, email]}",
    "rules": "rules:\n  paranoia: 1\n  scopes: [{api: payments, paranoia: 2}]\n  exclusions:\n"
    "    - {rule: 942100, endpoint: POST /comments, parameter: text, reason: people write about SQL}\n"
    "  patches:\n    - {name: import-file-url, endpoint: POST /import, parameter: url, pattern: '^file:',"
    " expires: 2027-01-31}",
    "policies": "policies:\n  - name: ofx-only-from-home-markets\n    apis: [bank]\n    endpoints: [POST /ofx]\n"
    '    when: client.continent == "AS"\n    action: {divert: fraud-desk}\n    mode: enforce\n'
    "  - name: login-rate\n    when: '\"login\" in endpoint.labels'\n"
    "    action: {limit: {rate: 10/1m, burst: 5, key: [client.address]}}",
    "detectors": "detectors:\n  disabled: [scraping]\n  files: [my-detectors/*.sql]\n"
    "  settings: {credential_stuffing: {min_failures: 30}}",
    "checks": "checks:\n  disabled: [forgotten_endpoint]\n  files: [my-checks/*.sql]\n"
    "  settings: {volume_to_caller: {min_values: 5000}}",
    "alerts": "alerts:\n  - log: {}\n  - webhook: {url: https://hooks.example.com/starfort, secret_env: HOOK_SECRET}\n"
    "  - syslog: {address: siem.example.com:514}",
    "admin": "admin: {address: 127.0.0.1:9443, metrics: true}",
    "retention": "retention: {events: 7d, rollups: 90d}",
}
"""By top-level setting, a snippet that the tests load."""


def configuration_page() -> str:
    """The page."""
    parts = [HEAD, "## The file\n", _description(Config), _table(Config, ""), _example("")]
    for name, field in Config.model_fields.items():
        parts += list(_sections(name, _hint(Config, name), field))
    text = "\n".join(part for part in parts if part)
    return re.sub(r"\n{3,}", "\n\n", text).rstrip() + "\n"


def settings() -> Iterator[str]:
    """The dotted path of every setting, `[]` for items of lists."""
    yield from _paths(Config, "")


def _paths(kind: type[BaseModel], prefix: str) -> Iterator[str]:
    for name in kind.model_fields:
        yield prefix + name
        hint = _hint(kind, name)
        known = dict.fromkeys(
            path
            for inner in _models(hint)
            for path in _paths(inner, f"{prefix}{name}{'[]' if _is_list(hint) else ''}.")
        )
        yield from known


def _sections(path: str, hint: Any, field: FieldInfo) -> Iterator[str]:
    """The section of a setting that has settings of its own, and theirs."""
    models = _models(hint)
    if not models:
        if path in EXAMPLES:
            yield f"\n## `{path}`\n\n{field.description}\n{_example(path)}"
        return
    place = path + ("[]" if _is_list(hint) else "")
    level = "##" if "." not in path else "###"
    yield f"\n{level} `{place}`\n"
    for inner in models:
        yield _description(inner)
        yield _table(inner, place)
    if path in EXAMPLES:
        yield _example(path)
    for inner in models:
        for name, each in inner.model_fields.items():
            yield from _sections(f"{place}.{name}", _hint(inner, name), each)


def _description(kind: type[BaseModel]) -> str:
    return " ".join((kind.__doc__ or "").split()) + "\n"


def _table(kind: type[BaseModel], place: str) -> str:
    if not kind.model_fields:
        return "It has no settings: write `{}`.\n"
    rows = ["| setting | written as | default | meaning |", "|---|---|---|---|"]
    for name, field in kind.model_fields.items():
        written = RATES.get((kind.__name__, name)) or _written(_hint(kind, name), place, name)
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        rows.append(f"| `{name}` | {written} | {_default(field, _hint(kind, name))} | {meaning} |")
    return "\n".join(rows) + "\n"


def _example(name: str) -> str:
    return f"\n```yaml\n{EXAMPLES[name]}\n```\n"


def _hint(kind: type[BaseModel], name: str) -> Any:
    return get_type_hints(kind, include_extras=True)[name]


def _named(hint: Any) -> Any:
    """The type of `NAMED` that a hint is, with further constraints or without; `None` for others."""
    for known, _ in NAMED:
        marks = getattr(known, "__metadata__", None)
        if hint == known:
            return known
        if marks and get_origin(hint) is Annotated and hint.__metadata__[: len(marks)] == marks:
            return known
    return None


def _bare(hint: Any) -> Any:
    """Without `Annotated` and `None`."""
    while True:
        named = _named(hint)
        if named is not None:
            return named
        if get_origin(hint) is Annotated:
            hint = get_args(hint)[0]
        elif get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
            rest = [each for each in get_args(hint) if each is not type(None)]
            hint = rest[0] if len(rest) == 1 else Union[tuple(rest)]  # noqa: UP007 (made at run time)
            if len(rest) > 1:
                return hint
        else:
            return hint


def _is_list(hint: Any) -> bool:
    return get_origin(_bare(hint)) is list


def _models(hint: Any) -> list[type[BaseModel]]:
    """The models that a setting or its items may have, once each; none for plain values."""
    bare = _bare(hint)
    if get_origin(bare) is list:
        return _models(get_args(bare)[0])
    if get_origin(bare) in (Union, types.UnionType):
        return list(dict.fromkeys(model for each in get_args(bare) for model in _models(each)))
    return [bare] if isinstance(bare, type) and issubclass(bare, BaseModel) else []


def _written(hint: Any, place: str, name: str) -> str:
    bare = _bare(hint)
    for known, words in NAMED:
        if bare == known:
            return words + _range(hint)
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(each).strip(chr(34))}`" for each in arguments)
    if origin is list:
        return f"list of {_written(arguments[0], place, name)}"
    if origin is dict:
        return f"mapping of {_written(arguments[0], place, name)} to {_written(arguments[1], place, name)}"
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_written(each, place, name) for each in arguments))
    if isinstance(bare, type) and issubclass(bare, BaseModel):
        anchor = f"{place}.{name}".strip(".").replace(".", "").replace("[]", "")
        return f"[mapping](#{anchor})"
    raise TypeError(f"{place}.{name}: {bare} has no words here")


def _range(hint: Any) -> str:
    """Bounds of a number, as ` (1 to 10)`."""
    bounds: dict[str, Any] = {}
    while get_origin(hint) is not None:
        for constraint in getattr(hint, "__metadata__", ()):
            for each in getattr(constraint, "metadata", ()):
                bounds |= {word: getattr(each, word) for word in ("ge", "le") if hasattr(each, word)}
        arguments = [each for each in get_args(hint) if each is not type(None)]
        hint = arguments[0]
    if not {"ge", "le"} <= set(bounds) or not isinstance(bounds["ge"], int):
        return ""
    return f" ({bounds['ge']:,} to {bounds['le']:,})"


def _default(field: FieldInfo, hint: Any) -> str:
    if field.is_required():
        return "**required**"
    value = field.default
    if value is PydanticUndefined or value is None:
        return ""
    if isinstance(value, BaseModel):
        return "as below" if value == type(value).model_construct() else f"`{_plain(value)}`"
    if _bare(hint) == fields.Size:
        return f"`{_size(value)}`"
    if isinstance(value, list) and value and isinstance(value[0], BaseModel):
        return f"`[{', '.join(_plain(each) for each in value)}]`"
    return f"`{_scalar(value)}`"


def _plain(value: BaseModel) -> str:
    """A model as YAML on one line, without what is not set."""
    pairs = []
    for name in sorted(value.model_fields_set):
        inner = getattr(value, name)
        pairs.append(f"{name}: {_plain(inner) if isinstance(inner, BaseModel) else _scalar(inner)}")
    return "{" + ", ".join(pairs) + "}"


def _scalar(value: Any) -> str:
    if isinstance(value, timedelta):
        seconds = value.total_seconds()
        for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
            if seconds and seconds % length == 0:
                return f"{seconds / length:g}{unit}"
        return f"{seconds:g}s"
    if isinstance(value, list):
        return f"[{', '.join(map(str, value))}]"
    return json.dumps(value) if isinstance(value, bool | dict) else (str(value) or '""')


def _size(count: int) -> str:
    for unit, length in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count % length == 0:
            return f"{count // length}{unit}"
    return str(count)
