"""The callers of the demo: their headers, in the order in which each kind of client sends them."""

from __future__ import annotations

CHROME = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
)
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0"
SAFARI = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15"
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

Headers = list[tuple[str, str]]


def browser(number: int, host: str, address: str, *, json_body: bool = False, token: str = "") -> Headers:
    """Headers of one of three browsers, chosen by `number`, coming through the load balancer for `address`."""
    content = [("Content-Type", "application/json")] if json_body else []
    login = [("Authorization", f"Bearer {token}")] if token else []
    forwarded = [("X-Forwarded-For", address)]
    match number % 3:
        case 0:
            return [
                ("Host", host), ("Connection", "keep-alive"), ("sec-ch-ua-platform", '"Linux"'), *login,
                ("User-Agent", CHROME), ("Accept", "application/json"), *content, ("Sec-Fetch-Site", "same-origin"),
                ("Sec-Fetch-Mode", "cors"), ("Accept-Encoding", "gzip, deflate, br"), ("Accept-Language", "en-US,en;q=0.9"),
                *forwarded,
            ]  # fmt: skip
        case 1:
            return [
                ("Host", host), ("User-Agent", FIREFOX), ("Accept", "application/json"),
                ("Accept-Language", "de,en-US;q=0.7,en;q=0.3"), ("Accept-Encoding", "gzip, deflate, br"), *content, *login,
                ("Connection", "keep-alive"), ("Sec-Fetch-Dest", "empty"), ("Sec-Fetch-Mode", "cors"), *forwarded,
            ]  # fmt: skip
        case _:
            return [
                ("Host", host), *content, ("Accept", "application/json"), ("Sec-Fetch-Site", "same-origin"), *login,
                ("Accept-Language", "en-GB,en;q=0.9"), ("Accept-Encoding", "gzip, deflate, br"),
                ("User-Agent", SAFARI), ("Connection", "keep-alive"), *forwarded,
            ]  # fmt: skip


def googlebot(host: str, address: str) -> Headers:
    """A search engine's crawler."""
    return [
        ("Host", host), ("Connection", "keep-alive"), ("Accept", "text/html,application/json;q=0.9,*/*;q=0.8"),
        ("From", "googlebot(at)googlebot.com"), ("User-Agent", GOOGLEBOT), ("Accept-Encoding", "gzip, deflate"),
        ("X-Forwarded-For", address),
    ]  # fmt: skip


def stuffing_bot(host: str, address: str) -> Headers:
    """A tool that claims to be Chrome: right user agent, but not Chrome's headers nor their order."""
    return [
        ("Host", host), ("Accept", "*/*"), ("Content-Type", "application/json"), ("User-Agent", CHROME),
        ("Accept-Encoding", "identity"), ("X-Forwarded-For", address),
    ]  # fmt: skip


def scraper(host: str, address: str) -> Headers:
    """A script with its library's default headers."""
    return [
        ("Host", host), ("User-Agent", "python-requests/2.32.3"), ("Accept-Encoding", "gzip, deflate"), ("Accept", "*/*"),
        ("Connection", "keep-alive"), ("X-Forwarded-For", address),
    ]  # fmt: skip


def money_program(host: str, address: str) -> Headers:
    """A personal-finance program that speaks OFX."""
    return [
        ("Host", host), ("User-Agent", "InetClntApp/3.0"), ("Accept", "*/*, application/x-ofx"), ("Connection", "Keep-Alive"),
        ("Content-Type", "application/x-ofx"), ("X-Forwarded-For", address),
    ]  # fmt: skip


OFX_REQUEST = (
    b"OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\n"
    b"COMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"
    b"<OFX><SIGNONMSGSRQV1><SONRQ><DTCLIENT>20261123120000<USERID>demo<USERPASS>not-a-secret<LANGUAGE>ENG"
    b"<APPID>QWIN<APPVER>2500</SONRQ></SIGNONMSGSRQV1><BANKMSGSRQV1><STMTTRNRQ><TRNUID>1<STMTRQ><BANKACCTFROM>"
    b"<BANKID>000000000<ACCTID>0001<ACCTTYPE>CHECKING</BANKACCTFROM></STMTRQ></STMTTRNRQ></BANKMSGSRQV1></OFX>"
)
