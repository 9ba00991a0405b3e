"""Alerts: what they are, where they go, and the history that people acknowledge."""

from starfort.alerts.dispatcher import AlertDispatcher
from starfort.alerts.history import AlertHistory, StoredAlert
from starfort.alerts.model import Alert

__all__ = ["Alert", "AlertDispatcher", "AlertHistory", "StoredAlert"]
