"""The programs that send requests (browsers, apps, libraries), with the headers of each.

The headers are those of the programs' versions of 2024 to 2026. Values that differ from call to call (sessions, ids,
times) come from the caller's source of choices.
"""

from __future__ import annotations

import base64
import json
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from benchmarks.quality.sample import Headers, Sample

CHROME: Final = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
FIREFOX: Final = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
SAFARI: Final = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15"
IPHONE: Final = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Mobile/15E148 Safari/604.1"
)

JWE_HEAD: Final = b'{"alg":"dir","enc":"A256GCM"}'


def token(rng: random.Random, length: int = 24) -> str:
    """Random letters and digits."""
    return "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=length))


def urlsafe(data: bytes) -> str:
    """Base64 in the form that tokens use: URL-safe, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwt(rng: random.Random, claims: dict[str, object] | None = None) -> str:
    """A JSON Web Token with a random signature."""
    head = {"alg": "RS256", "typ": "JWT", "kid": token(rng, 12)}
    body = {
        "iss": "https://id.example.com/", "sub": f"auth0|{rng.getrandbits(96):024x}", "aud": ["https://api.example.com"],
        "iat": 1_732_700_000 + rng.randrange(10**6), "exp": 1_732_786_400 + rng.randrange(10**6),
        "azp": token(rng, 32), "scope": "openid profile email offline_access read:orders", "permissions": [],
    }  # fmt: skip
    parts = [json.dumps(each, separators=(",", ":")).encode() for each in (head, {**body, **(claims or {})})]
    return ".".join([*map(urlsafe, parts), urlsafe(rng.randbytes(256))])


def _sessions(rng: random.Random) -> list[tuple[str, str]]:
    """Sessions and tokens against forgery, as frameworks name them."""
    return [
        ("session", token(rng, 43)),
        ("connect.sid", "s%3A" + token(rng, 32) + "." + quote(base64.b64encode(rng.randbytes(32)).decode(), safe="")),
        ("PHPSESSID", token(rng, 26).lower()),
        ("JSESSIONID", f"{rng.getrandbits(128):032X}.node{rng.randrange(4)}"),
        ("XSRF-TOKEN", quote(base64.b64encode(json.dumps({"iv": base64.b64encode(rng.randbytes(16)).decode(), "value": base64.b64encode(rng.randbytes(64)).decode(), "mac": f"{rng.getrandbits(256):064x}", "tag": ""}).encode()).decode(), safe="")),
        ("csrftoken", token(rng, 32)),
    ]  # fmt: skip


def _consent(rng: random.Random) -> str:
    """What the consent banner of OneTrust remembers."""
    return (
        f"isGpcEnabled=0&datestamp=Wed+Nov+27+2024+10%3A{rng.randrange(10, 60)}%3A12+GMT%2B0100+(Central+European+Standard+Time)"
        "&version=202409.1.0&browserGpcFlag=0&isIABGlobal=false&hosts=&landingPath=NotLandingPage"
        "&groups=C0001%3A1%2CC0003%3A1%2CC0002%3A1%2CC0004%3A0&AwaitingReconsent=false&geolocation=DE%3BBE"
    )


def _analytics(rng: random.Random, stamp: int, device: str, page: str) -> list[tuple[str, str]]:
    """What programs that count visits remember."""
    mixpanel = {
        "distinct_id": f"$device:{device}", "$device_id": device, "$initial_referrer": page,
        "$initial_referring_domain": page, "__mps": {}, "__mpso": {"$initial_referrer": page}, "$search_engine": "google",
    }  # fmt: skip
    posthog = {
        "distinct_id": device, "$sesid": [stamp * 1000, device, stamp * 1000 - 5000], "$epp": True,
        "$initial_person_info": {"r": "$direct", "u": page},
    }  # fmt: skip
    hotjar = {"id": device, "created": stamp * 1000, "existing": True}
    return [
        ("_ga", f"GA1.1.{rng.randrange(10**9)}.{stamp}"),
        ("_ga_" + token(rng, 10).upper(), f"GS1.1.{stamp}.{rng.randrange(20)}.1.{stamp + 60}.60.0.0"),
        ("_gid", f"GA1.2.{rng.randrange(10**9)}.{stamp}"),
        ("_fbp", f"fb.1.{stamp}123.{rng.randrange(10**9)}"),
        ("_gcl_au", f"1.1.{rng.randrange(10**9)}.{stamp}"),
        (f"mp_{rng.getrandbits(128):032x}_mixpanel", quote(json.dumps(mixpanel, separators=(",", ":")), safe="")),
        (f"ph_phc_{token(rng, 43)}_posthog", quote(json.dumps(posthog, separators=(",", ":")), safe="")),
        ("_hjSessionUser_" + str(rng.randrange(10**6)), base64.b64encode(json.dumps(hotjar).encode()).decode()),
    ]  # fmt: skip


def _banner(rng: random.Random, stamp: int, device: str, consent: str) -> list[tuple[str, str]]:
    """The answer to the consent banner, and ids that analytics services set."""
    return [
        ("OptanonConsent", consent),
        ("OptanonAlertBoxClosed", "2024-11-27T09:12:44.123Z"),
        ("ajs_anonymous_id", f"%22{device}%22"),
        ("amp_" + token(rng, 6).lower(), f"{token(rng, 22)}...1iep{token(rng, 5).lower()}.1iep{token(rng, 5).lower()}.0.0.0"),
        ("AMP_" + token(rng, 10).lower(), base64.b64encode(quote(json.dumps({"deviceId": device, "sessionId": stamp})).encode()).decode()),
    ]  # fmt: skip


def _services(rng: random.Random, stamp: int, device: str) -> list[tuple[str, str]]:
    """Ids of services that a site embeds: support, payment, protection, monitoring."""
    return [
        ("hubspotutk", f"{rng.getrandbits(128):032x}"),
        ("__hstc", f"{rng.randrange(10**8)}.{rng.getrandbits(128):032x}.{stamp}.{stamp}.{stamp}.1"),
        ("intercom-id-" + token(rng, 8).lower(), device),
        ("__stripe_mid", device + token(rng, 6).lower()),
        ("cf_clearance", token(rng, 43) + f"-{stamp}-1.2.1.1-" + token(rng, 60)),
        ("__cf_bm", token(rng, 43) + f"-{stamp}-1.0.1.1-" + token(rng, 60)),
        ("_dd_s", f"rum=2&id={device}&created={stamp}123&expire={stamp}999"),
        ("utm", quote(json.dumps({"source": "newsletter", "medium": "e-mail", "campaign": "black friday: 20% & more"}), safe="")),
    ]  # fmt: skip


def _preferences(rng: random.Random) -> list[tuple[str, str]]:
    """What the site itself remembers of the visitor."""
    return [
        ("lang", rng.choice(["en", "de-DE", "fr_CA", "zh-Hans"])),
        ("tz", rng.choice(["Europe%2FBerlin", "America/New_York"])),
        ("theme", "dark"),
        ("cart", quote(json.dumps([{"sku": "A-1", "qty": 2}, {"sku": "B 2/3", "qty": 1}]), safe="")),
        ("__Host-next-auth.csrf-token", f"{rng.getrandbits(256):064x}%7C{rng.getrandbits(256):064x}"),
        ("__Secure-next-auth.session-token", f"{urlsafe(JWE_HEAD)}..{urlsafe(rng.randbytes(12))}.{urlsafe(rng.randbytes(180))}.{urlsafe(rng.randbytes(16))}"),
        ("remember_me", jwt(rng)),
    ]  # fmt: skip


def cookies(rng: random.Random) -> str:
    """Some of the cookies that a site with sessions and analytics has set by the second visit."""
    stamp = 1_732_700_000 + rng.randrange(10**6)
    device = str(uuid.UUID(int=rng.getrandbits(128), version=4))
    page = rng.choice(
        ["https://www.example.com/", "https://app.example.com/account?tab=orders&page=2", "$direct"]
    )
    consent = _consent(rng)
    # the order of these lists is the order of the choices: another order makes other requests of the same seed
    made = [
        *_sessions(rng),
        *_analytics(rng, stamp, device, page),
        *_banner(rng, stamp, device, consent),
        *_services(rng, stamp, device),
        *_preferences(rng),
    ]
    return "; ".join(f"{name}={value}" for name, value in rng.sample(made, rng.randint(2, 12)))


Sent = list[tuple[str, str | bytes]]


def _browser(agent: str) -> Callable[[random.Random, str, str], Sent]:
    def headers(rng: random.Random, host: str, accept: str) -> Sent:
        site = "https://app." + ".".join(host.split(".")[-2:])
        language = rng.choice(
            [
                "en-US,en;q=0.9",
                "de-DE,de;q=0.9,en-US;q=0.8,en;q=0.7",
                "fr-FR,fr;q=0.9",
                "ja",
                "pt-BR,pt;q=0.8,en-US;q=0.5,en;q=0.3",
            ]
        )
        hints: Sent = []
        if "Chrome" in agent:
            hints = [
                ("sec-ch-ua", '"Google Chrome";v="131", "Chromium";v="131", "Not_A Brand";v="24"'),
                ("sec-ch-ua-mobile", "?0"),
                ("sec-ch-ua-platform", '"Windows"'),
            ]
        return [
            *hints,
            ("user-agent", agent),
            ("accept", accept),
            ("origin", site),
            ("sec-fetch-site", "same-site"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
            ("referer", site + rng.choice(["/", "/account/orders?page=2&sort=-date", "/search?q=red%20shoes&filter%5Bcolor%5D=red#top", "/de/produkte/schuhe-f%C3%BCr-kinder"])),
            ("accept-encoding", "gzip, deflate, br, zstd"),
            ("accept-language", language),
            ("cookie", cookies(rng)),
        ]  # fmt: skip

    return headers


def _library(agent: str, *more: tuple[str, str]) -> Callable[[random.Random, str, str], Sent]:
    def headers(_: random.Random, __: str, accept: str) -> Sent:
        return [("user-agent", agent), ("accept", accept), *more]

    return headers


def _app(rng: random.Random, _: str, accept: str) -> Sent:
    device = str(uuid.UUID(int=rng.getrandbits(128), version=4)).upper()
    return [
        ("accept", accept),
        ("x-app-version", "7.41.0 (20241127)"),
        ("x-device-id", device),
        ("x-platform", "iOS"),
        ("x-request-id", device.lower()),
        ("traceparent", f"00-{rng.getrandbits(128):032x}-{rng.getrandbits(64):016x}-01"),
        ("baggage", f"sentry-environment=production,sentry-public_key={rng.getrandbits(128):032x},sentry-release=com.example.app%407.41.0%2B20241127"),
        ("sentry-trace", f"{rng.getrandbits(128):032x}-{rng.getrandbits(64):016x}-0"),
        ("accept-language", "en-GB;q=1.0, de-DE;q=0.9"),
        ("accept-encoding", "gzip, deflate, br"),
        ("user-agent", "ExampleShop/7.41.0 (com.example.shop; build:20241127; iOS 18.1.0) Alamofire/5.9.1"),
    ]  # fmt: skip


def _android(rng: random.Random, _: str, accept: str) -> Sent:
    return [
        ("accept", accept),
        ("accept-charset", "UTF-8"),
        ("x-firebase-appcheck", jwt(rng)),
        ("x-device-model", "Pixel 8 Pro (husky); Android 15"),
        ("user-agent", "okhttp/4.12.0"),
        ("accept-encoding", "gzip"),
        ("connection", "Keep-Alive"),
    ]


CLIENTS: Final[dict[str, Callable[[random.Random, str, str], Sent]]] = {
    "chrome": _browser(CHROME),
    "firefox": _browser(FIREFOX),
    "safari": _browser(SAFARI),
    "iphone": _browser(IPHONE),
    "okhttp": _library("okhttp/4.12.0", ("accept-encoding", "gzip"), ("connection", "Keep-Alive")),
    "axios": _library("axios/1.7.8", ("accept-encoding", "gzip, compress, deflate, br"), ("connection", "keep-alive")),
    "curl": _library("curl/8.11.0"),
    "requests": _library("python-requests/2.32.3", ("accept-encoding", "gzip, deflate"), ("connection", "keep-alive")),
    "go": _library("Go-http-client/1.1", ("accept-encoding", "gzip")),
    "node": _library("node", ("accept-language", "*"), ("sec-fetch-mode", "cors"), ("accept-encoding", "br, gzip, deflate")),
    "java": _library("Java-http-client/21.0.5"),
    "dart": _library("Dart/3.5 (dart:io)", ("accept-encoding", "gzip")),
    "postman": _library("PostmanRuntime/7.43.0", ("postman-token", "5d2c1f0e-7f8a-4d0f-9d51-0d8f8d1a5b1e"), ("accept-encoding", "gzip, deflate, br"), ("connection", "keep-alive")),
    "dotnet": _library("RestSharp/112.1.0.0", ("accept-encoding", "gzip, deflate, br")),
    "ios": _app,
    "android": _android,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Call:
    """What a client is asked to send.

    Attributes:
        method: the method of the request.
        target: path and query, as they are sent.
        content_type: the type of the body, "" when there is none.
        headers: headers of the call itself: credentials, and what a document asks for. They replace the client's own.
    """

    method: str
    target: str
    body: bytes = b""
    content_type: str = ""
    headers: Headers = ()
    host: str = "api.example.com"
    accept: str = "application/json, text/plain, */*"


def sent(kind: str, name: str, call: Call, rng: random.Random, client: str = "") -> Sample:
    """The request that a client sends for a call.

    Args:
        kind: the row of the report that counts it.
        name: a name for people who read the report.
        call: what the client is asked to send.
        rng: chooses the client, and the values that differ between its calls.
        client: one of `CLIENTS`; "" for any.
    """
    own = CLIENTS[client or rng.choice(list(CLIENTS))](rng, call.host, call.accept)
    given = {name for name, _ in call.headers}
    headers: Sent = [("host", call.host)]
    if call.body or call.method in {"POST", "PUT", "PATCH"}:
        headers.append(("content-length", str(len(call.body))))
    if call.content_type:
        headers.append(("content-type", call.content_type))
    headers += [pair for pair in own if pair[0] not in given]
    headers += call.headers
    return Sample(kind, name, call.method, call.target, tuple(headers), call.body)
