"""Where alerts go, one channel a file."""

from starfort.alerts.channels.base import Channel, DeliveryError
from starfort.alerts.channels.log import LogChannel
from starfort.alerts.channels.syslog import SyslogChannel
from starfort.alerts.channels.webhook import WebhookChannel

__all__ = ["Channel", "DeliveryError", "LogChannel", "SyslogChannel", "WebhookChannel"]
