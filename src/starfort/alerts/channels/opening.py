"""Makes a channel from its entry in the configuration."""

from __future__ import annotations

from starfort.alerts.channels.base import Channel
from starfort.alerts.channels.log import LogChannel
from starfort.alerts.channels.syslog import SyslogChannel
from starfort.alerts.channels.webhook import WebhookChannel
from starfort.alerts.secrets import chosen, read_secret
from starfort.base.addresses import parse_address
from starfort.config.detection import AlertChannel, LogAlerts, SyslogAlerts, WebhookAlerts


def open_channel(channel: AlertChannel, node: str) -> Channel:
    """The channel that an entry of `alerts` names.

    Args:
        channel: the entry.
        node: the name of this node in messages.

    Raises:
        SecretError: it names a secret that is not there.
    """
    match chosen(channel):
        case LogAlerts():
            return LogChannel()
        case WebhookAlerts() as webhook:
            return WebhookChannel(webhook.url, read_secret(webhook))
        case SyslogAlerts() as syslog:
            address = parse_address(syslog.address)
            return SyslogChannel(address.host, address.port, node)
        case other:
            # The configuration knows this kind, and this function does not.
            raise TypeError(f"no channel is opened for {type(other).__name__}")
