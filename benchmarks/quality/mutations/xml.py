"""XML references, entities and attributes; OFX in both of its forms."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import XML, mutation, post, raw, xml, xml_safe


def customer(content: str, before: str = "") -> Call:
    """A document with one customer: `content` is markup, `before` what stands before the root."""
    return xml(f"{before}<o><customer>{content}</customer></o>")


def in_pieces(text: str, length: int) -> list[str]:
    """A text cut into pieces, without the characters that XML cannot have."""
    clean = xml_safe(text)
    return [clean[at : at + length] for at in range(0, len(clean), length)]


@mutation("xml", "internal entity", "json value", "libxml2, Xerces, .NET as configured", ordinary=False)
def _(text: str) -> Call:
    declared = f"<!ENTITY e {quoteattr(xml_safe(text)).replace('%', '&#37;')}>"
    return customer("&e;", f"<!DOCTYPE o [{declared}]>")


@mutation(
    "xml", "internal entities in pieces", "json value", "libxml2, Xerces, .NET as configured", ordinary=False
)
def _(text: str) -> Call:
    pieces = in_pieces(text, 3)
    declared = "".join(
        f"<!ENTITY e{number} {quoteattr(piece).replace('%', '&#37;')}>" for number, piece in enumerate(pieces)
    )
    used = "".join(f"&e{number};" for number in range(len(pieces)))
    return customer(used, f"<!DOCTYPE o [{declared}]>")


@mutation("xml", "decimal references", "json value", "all XML readers")
def _(text: str) -> Call:
    return customer("".join(f"&#{ord(c)};" for c in xml_safe(text)))


@mutation("xml", "hexadecimal references", "json value", "all XML readers")
def _(text: str) -> Call:
    return customer("".join(f"&#x{ord(c):x};" for c in xml_safe(text)))


@mutation("xml", "CDATA", "json value", "all XML readers")
def _(text: str) -> Call:
    return customer(f"<![CDATA[{xml_safe(text).replace(']]>', ']]]]><![CDATA[>')}]]>")


@mutation("xml", "CDATA in pieces", "json value", "all XML readers")
def _(text: str) -> Call:
    return customer("".join(f"<![CDATA[{piece}]]>" for piece in in_pieces(text, 4)))


@mutation("xml", "comments between", "json value", "all XML readers", ordinary=False)
def _(text: str) -> Call:
    return customer("<!--x-->".join(map(escape, in_pieces(text, 4))))


@mutation("xml", "attribute", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><line customer={quoteattr(xml_safe(text))}/></o>")


@mutation("xml", "attribute in references", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><line customer='{''.join(f'&#x{ord(c):x};' for c in xml_safe(text))}'/></o>")


@mutation("xml", "SOAP", "xml text", "SOAP servers")
def _(text: str) -> Call:
    body = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><f><a>{escape(xml_safe(text))}</a></f></s:Body></s:Envelope>'
    return xml(body, "text/xml; charset=utf-8")


@mutation("xml", "+xml", "xml text", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o>{escape(xml_safe(text))}</o>", "application/vnd.example.v1+xml")


@mutation("xml", "UTF-16", "xml text", "all XML readers (XML 1.0, 4.3.3)", ordinary=False)
def _(text: str) -> Call:
    return post(
        f'<?xml version="1.0" encoding="UTF-16"?><o><customer>{escape(xml_safe(text))}</customer></o>'.encode(
            "utf-16", "replace"
        ),
        XML,
    )


@mutation("xml", "as text/plain", "xml text", "whoever parses it", ordinary=False)
def _(text: str) -> Call:
    return xml(f"<o><customer>{escape(xml_safe(text))}</customer></o>", "text/plain")


@mutation("xml", "OFX 1 (SGML)", "json value", "OFX servers")
def _(text: str) -> Call:
    head = "OFXHEADER:100\r\nDATA:OFXSGML\r\nVERSION:102\r\nSECURITY:NONE\r\nENCODING:USASCII\r\nCHARSET:1252\r\nCOMPRESSION:NONE\r\nOLDFILEUID:NONE\r\nNEWFILEUID:NONE\r\n\r\n"
    line = escape(re.sub(r"[\r\n]+", " ", xml_safe(text)))
    return post(
        raw(
            f"{head}<OFX><SIGNONMSGSRQV1><SONRQ><DTCLIENT>20241127<USERID>{line}<USERPASS>secret<LANGUAGE>ENG</SONRQ></SIGNONMSGSRQV1></OFX>"
        ),
        "application/x-ofx",
        target="/ofx",
    )


@mutation("xml", "OFX 2 (XML)", "json value", "OFX servers")
def _(text: str) -> Call:
    return post(
        raw(
            f'<?xml version="1.0"?><?OFX OFXHEADER="200" VERSION="211"?><OFX><SIGNONMSGSRQV1><SONRQ><USERID>{escape(xml_safe(text))}</USERID></SONRQ></SIGNONMSGSRQV1></OFX>'
        ),
        "application/x-ofx",
        target="/ofx",
    )
