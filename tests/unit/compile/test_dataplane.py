"""What of a configuration concerns the proxy, and what is wrong with the files that it names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from starfort import config
from starfort.base.addresses import SocketAddress
from starfort.compile.dataplane import to_dataplane
from starfort.config import ConfigError
from starfort.dataplane import ir
from tests.support.envoy_bench import Authority

HEAD = "version: 1\nnode: test\n"
LISTENER = 'listeners: [{name: public, address: "127.0.0.1:8080"}]\n'
UPSTREAM = 'upstreams: [{name: shop, addresses: ["127.0.0.1:9001"]}]\n'
API = "apis: [{name: shop, upstream: shop, hosts: [Shop.Test, shop.test.], base_paths: [/v1/, /]}]\n"


def make(folder: Path, text: str) -> ir.Dataplane:
    """The data plane of a configuration in a folder."""
    path = folder / "starfort.yaml"
    path.write_text(text)
    return to_dataplane(config.load(path))


def problems(folder: Path, text: str) -> list[str]:
    """What is wrong with it: `line:column: what`, the folder left out."""
    with pytest.raises(ConfigError) as caught:
        make(folder, text)
    return [f"{one.line}:{one.column}: {one.what}".replace(f"{folder}/", "") for one in caught.value.problems]


def test_defaults(tmp_path: Path) -> None:
    """Paths lie in the data directory; hosts and base paths have one form; limits stand above the engine's."""
    made = make(tmp_path, HEAD + LISTENER + UPSTREAM + API)
    data = tmp_path / "var"
    assert (made.directory, made.admin_socket) == (data / "envoy", data / "run/envoy.sock")
    settings = ir.FilterSettings(
        data / "bundle.sfb", data / "run/control.sock", True, last_good=data / "bundle.last.sfb"
    )
    assert made.filter_settings == settings
    assert made.apis == (ir.Api("shop", ("shop.test", "shop.test"), ("/v1", "/"), "shop"),)
    assert (made.workers, made.diverts, made.limits.headers, made.limits.headers_kib) == (0, (), 200, 96)
    assert made.limits.connections >= 100
    assert made.limits.heap_bytes > 1 << 26


def test_settings_reach_the_data_plane(tmp_path: Path) -> None:
    """Failure mode, workers, divert targets and large limits."""
    text = (
        HEAD + LISTENER + UPSTREAM + API + "failure_mode: closed\nworkers: 7\n"
        "limits: {headers: 500, header: 1MiB, uri: 1MiB}\n"
        "policies: [{name: a, action: {divert: shop}}, {name: b, action: {divert: shop}}, {name: c, action: block}]\n"
    )
    made = make(tmp_path, text)
    assert (made.filter_settings.fail_open, made.workers, made.diverts) == (False, 7, ("shop",))
    assert (made.limits.headers, made.limits.headers_kib) == (1000, 4096)


def test_connections_have_limits_by_default_and_by_setting(tmp_path: Path) -> None:
    """An address has half of all connections at most unless it is said otherwise; no time may be nothing."""
    made = make(tmp_path, HEAD + LISTENER + UPSTREAM + API).limits
    assert made.per_address == made.connections // 2
    assert (made.underscores, made.head_s, made.idle_s, made.stream_idle_s) == ("drop", 15, 300, 300)
    text = HEAD + LISTENER + UPSTREAM + API
    made = make(
        tmp_path, text + "connections: {total: 7, header_timeout: 2s, headers_with_underscores: allow}\n"
    ).limits
    assert (made.connections, made.per_address, made.head_s, made.underscores) == (7, 3, 2, "allow")
    assert make(tmp_path, text + "connections: {per_address: 0}\n").limits.per_address == 0
    assert problems(tmp_path, text + "connections: {idle_timeout: 0s}\n") == ["6:29: must be more than 0s"]


def test_the_proxy_protocol_needs_peers(tmp_path: Path) -> None:
    """Its own, or the trusted proxies; a listener that believes anybody is a mistake."""
    listener = 'listeners: [{name: a, address: "127.0.0.1:80", proxy_protocol: {%s}}]\n'

    def peers(setting: str, rest: str = "") -> tuple[str, ...]:
        proxied = (
            make(tmp_path, HEAD + listener % setting + UPSTREAM + API + rest).listeners[0].proxy_protocol
        )
        assert proxied is not None
        return proxied.peers

    trusted = "trusted_proxies: [10.0.0.0/8]\n"
    assert peers("", trusted) == ("10.0.0.0/8",)
    assert peers("peers: [192.0.2.1]", trusted) == ("192.0.2.1/32",)
    (problem,) = problems(tmp_path, HEAD + listener % "" + UPSTREAM + API)
    assert "nobody is named whose PROXY protocol header is believed" in problem
    assert make(tmp_path, HEAD + LISTENER + UPSTREAM + API).listeners[0].proxy_protocol is None


def test_addresses_that_cannot_be_listened_on_or_asked(tmp_path: Path) -> None:
    """Names to listen on and port 0 to ask are wrong; `localhost` is not."""
    listener = 'listeners: [{name: a, address: "edge.test:8080"}, {name: b, address: "localhost:8081"}]\n'
    upstream = 'upstreams: [{name: shop, addresses: ["127.0.0.1:0"], connect_timeout: 0s}]\n'
    assert problems(tmp_path, HEAD + listener + UPSTREAM + API) == ["3:32: 'edge.test' is no IP address"]
    assert problems(tmp_path, HEAD + LISTENER + upstream + API) == [
        "4:38: 0 is no port to connect to", "4:71: must be more than 0s"
    ]  # fmt: skip


def test_certificates_are_checked_before_envoy_is_told(tmp_path: Path) -> None:
    """Wrong content, an encrypted key, and a key of another certificate are told; the content never is."""
    authority = Authority(tmp_path)
    authority.server()
    authority.issue("other")
    (tmp_path / "broken.crt").write_text("-----BEGIN CERTIFICATE-----\nSECRET\n")

    def listener(certificate: str, key: str, ca: str = "ca.crt") -> str:
        tls = f"{{certificate: {certificate}, key: {key}, client_ca: {ca}}}"
        return HEAD + f'listeners: [{{name: a, address: "127.0.0.1:1", tls: {tls}}}]\n' + UPSTREAM + API

    pair = make(tmp_path, listener("server.crt", "server.key")).listeners[0].tls
    assert pair is not None
    assert pair.key_pair.certificate == tmp_path / "server.crt"
    assert problems(tmp_path, listener("server.crt", "other.key")) == [
        "3:83: other.key is not the key of server.crt"
    ]
    assert problems(tmp_path, listener("broken.crt", "server.crt", "server.key")) == [
        "3:66: broken.crt is no PEM certificate",
        "3:83: server.crt is no PEM private key",
        "3:106: server.key is no PEM certificate",
    ]


def test_an_upstream_needs_one_name(tmp_path: Path) -> None:
    """With one host that is the certificate's name; with several it must be said."""
    authority = Authority(tmp_path)
    one = 'upstreams: [{name: shop, addresses: ["a.test:443"], tls: {ca: ca.crt}, health_check: {}}]\n'
    made = make(tmp_path, HEAD + LISTENER + one + API).upstreams[0]
    assert made.tls is not None
    assert (made.tls.server_name, made.tls.ca.file) == ("a.test", authority.file)
    assert made.health_check is not None
    assert made.health_check.host == "a.test"
    several = one.replace('["a.test:443"]', '["a.test:443", "b.test:443"]')
    (found,) = problems(tmp_path, HEAD + LISTENER + several + API)
    assert "which name the certificate must have is not clear" in found


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "jwks.json is no JSON"),
        ("[" * 100_000, "jwks.json is no JSON"),
        ('{"keys": []}', "jwks.json is no key set"),
        ('{"keys": [1]}', "jwks.json is no key set"),
        (" " * (1 << 20) + "{}", "jwks.json is larger than 1024 KiB"),
    ],
)
def test_key_sets_are_checked(tmp_path: Path, content: str, problem: str) -> None:
    """A file that is no key set is a problem at its place."""
    (tmp_path / "jwks.json").write_text(content)
    jwt = "identity: {jwt: [{name: staff, issuer: x, jwks_file: jwks.json}]}\n"
    (found,) = problems(tmp_path, HEAD + LISTENER + UPSTREAM + API + jwt)
    assert found.startswith(f"6:54: {problem}")


def test_key_sets_to_fetch(tmp_path: Path) -> None:
    """Https is verified against the given or the system's authorities, http is not; the port follows the scheme."""
    Authority(tmp_path)
    (tmp_path / "jwks.json").write_text(json.dumps({"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}))
    jwt = (
        'identity: {jwt: [{name: a, issuer: x, jwks_url: "https://id.test/keys", jwks_ca: ca.crt}, '
        '{name: b, issuer: y, jwks_url: "http://[::1]:81/keys"}, {name: c, issuer: z, jwks_file: jwks.json}]}\n'
    )
    one, two, three = make(tmp_path, HEAD + LISTENER + UPSTREAM + API + jwt).jwt_providers
    assert isinstance(one.keys, ir.RemoteKeys)
    assert (one.keys.address, one.keys.tls and one.keys.tls.server_name) == (
        SocketAddress("id.test", 443),
        "id.test",
    )
    assert two.keys == ir.RemoteKeys("http://[::1]:81/keys", SocketAddress("::1", 81))
    assert "c2VjcmV0" not in repr(three)
    (wrong,) = problems(
        tmp_path,
        HEAD + LISTENER + UPSTREAM + API + "identity: {jwt: [{name: a, issuer: x, jwks_url: 'http://:1'}]}\n",
    )
    assert "is no URL with a host" in wrong


def test_a_data_directory_must_be_short_enough_for_sockets(tmp_path: Path) -> None:
    """A path over 107 bytes is told with the way out, not by a bind that fails."""
    text = HEAD + LISTENER + UPSTREAM + API + f"data_dir: /tmp/{'d' * 100}\n"
    assert all("too long for a Unix socket" in problem for problem in problems(tmp_path, text))
