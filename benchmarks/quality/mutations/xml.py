"""XML references, entities and attributes; OFX in both of its forms."""

from __future__ import annotations

import re
from xml.sax.saxutils import escape, quoteattr

from benchmarks.quality.clients import Call
from benchmarks.quality.mutations.forms import XML, mutation, post, raw, xml, xml_safe


@mutation("xml", "internal entity", "json value", "libxml2, Xerces, .NET as configured", ordinary=False)
def _(text: str) -> Call:
    return xml(
        f"<!DOCTYPE o [<!ENTITY e {quoteattr(xml_safe(text)).replace('%', '&#37;')}>]><o><customer>&e;</customer></o>"
    )


@mutation(
    "xml", "internal entities in pieces", "json value", "libxml2, Xerces, .NET as configured", ordinary=False
)
def _(text: str) -> Call:
    clean = xml_safe(text)
    pieces = [clean[at : at + 3] for at in range(0, len(clean), 3)]
    declared = "".join(
        f"<!ENTITY e{number} {quoteattr(piece).replace('%', '&#37;')}>" for number, piece in enumerate(pieces)
    )
    return xml(
        f"<!DOCTYPE o [{declared}]><o><customer>{''.join(f'&e{number};' for number in range(len(pieces)))}</customer></o>"
    )


@mutation("xml", "decimal references", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><customer>{''.join(f'&#{ord(c)};' for c in xml_safe(text))}</customer></o>")


@mutation("xml", "hexadecimal references", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><customer>{''.join(f'&#x{ord(c):x};' for c in xml_safe(text))}</customer></o>")


@mutation("xml", "CDATA", "json value", "all XML readers")
def _(text: str) -> Call:
    return xml(f"<o><customer><![CDATA[{xml_safe(text).replace(']]>', ']]]]><![CDATA[>')}]]></customer></o>")


@mutation("xml", "CDATA in pieces", "json value", "all XML readers")
def _(text: str) -> Call:
    clean = xml_safe(text)
    return xml(
        f"<o><customer>{''.join(f'<![CDATA[{clean[at : at + 4]}]]>' for at in range(0, len(clean), 4))}</customer></o>"
    )


@mutation("xml", "comments between", "json value", "all XML readers", ordinary=False)
def _(text: str) -> Call:
    clean = xml_safe(text)
    return xml(
        f"<o><customer>{'<!--x-->'.join(escape(clean[at : at + 4]) for at in range(0, len(clean), 4))}</customer></o>"
    )


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
