"""Alerts as ArcSight CEF in syslog messages (RFC 5424) over UDP."""

from __future__ import annotations

import asyncio
import socket
from typing import Final

import starfort
from starfort.alerts.channels.base import DeliveryError
from starfort.alerts.model import Alert

MAX_MESSAGE_BYTES: Final = 2048
"""RFC 5426, section 3.2: receivers should accept 2,048 octets. A longer message is cut, for UDP would lose
it."""

# RFC 5424, section 6.2.1, tables 1 and 2: facility 13 is "log audit", severity 2 is "critical"
_FACILITY_SECURITY: Final = 13
_SYSLOG_SEVERITY: Final = {"info": 6, "low": 5, "medium": 4, "high": 3, "critical": 2}
# ArcSight CEF: 0 to 3 is low, 4 to 6 medium, 7 and 8 high, 9 and 10 very high
_CEF_SEVERITY: Final = {"info": 1, "low": 3, "medium": 5, "high": 8, "critical": 10}


# The header of CEF escapes other characters than its extension does, and neither may hold a line break: a
# value from traffic could otherwise begin a message of its own.
def _header(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\n", " ").replace("\r", " ")


def _extension(text: str) -> str:
    return text.replace("\\", "\\\\").replace("=", "\\=").replace("\n", "\\n").replace("\r", "\\r")


def cef(alert: Alert) -> str:
    """An alert in Common Event Format 0 (ArcSight CEF implementation standard, 25)."""
    head = "|".join(
        [
            "CEF:0",
            "Starfort",
            "Starfort",
            starfort.__version__,
            _header(alert.kind),
            _header(alert.title),
            str(_CEF_SEVERITY.get(alert.severity, 5)),
        ]
    )
    fields = {
        "rt": str(int(alert.time.timestamp() * 1000)),
        "externalId": alert.id,
        "cs1Label": "subject",
        "cs1": alert.subject,
        "cs2Label": "state",
        "cs2": alert.state,
        "start": str(int(alert.began.timestamp() * 1000)),
        "end": str(int(alert.latest.timestamp() * 1000)),
    }
    return f"{head}|{' '.join(f'{name}={_extension(value)}' for name, value in fields.items())}"


def message(alert: Alert, hostname: str) -> bytes:
    """The syslog message of an alert, at most `MAX_MESSAGE_BYTES`."""
    priority = _FACILITY_SECURITY * 8 + _SYSLOG_SEVERITY.get(alert.severity, 4)
    text = f"<{priority}>1 {alert.time.isoformat()} {hostname} starfort - {alert.id} - {cef(alert)}"
    # The cut may fall within a character of several bytes. The rest of that character is left out.
    return text.encode()[:MAX_MESSAGE_BYTES].decode(errors="ignore").encode()


class SyslogChannel:
    """CEF over UDP. UDP does not say whether a message arrived, so an alert may be lost without an error.

    Args:
        host: name or address of the receiver.
        port: UDP port.
        hostname: the name of this node in the messages.
    """

    def __init__(self, host: str, port: int = 514, hostname: str = "-") -> None:
        self._host = host
        self._port = port
        self._hostname = hostname.replace(" ", "-")[:255] or "-"
        self.name = f"syslog:{host}:{port}"

    async def send(self, alert: Alert) -> None:
        """Send one datagram."""
        loop = asyncio.get_running_loop()
        try:
            # The name is resolved for each alert, because the receiver may move and alerts are rare.
            found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            with socket.socket(family, kind, protocol) as sender:
                sender.setblocking(False)
                await loop.sock_sendto(sender, message(alert, self._hostname), address)
        except OSError as error:
            raise DeliveryError(f"{self.name}: {error.strerror}") from error

    async def close(self) -> None:
        """Do nothing: no socket is open between alerts."""
