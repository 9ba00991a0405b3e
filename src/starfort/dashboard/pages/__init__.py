"""The pages, one a file."""

from starfort.admin.window import RangeName
from starfort.dashboard.frame import Builder
from starfort.dashboard.pages import (
    account,
    alert,
    alerts,
    catalogue,
    clients,
    endpoint,
    event,
    events,
    findings,
    nodes,
    overview,
    policies,
    policy,
    signal,
    signals,
)

PAGES: tuple[tuple[str, str, Builder, RangeName], ...] = (
    ("/", "Overview", overview.build, "1h"),
    ("/alerts", "Alerts", alerts.build, "24h"),
    ("/alerts/{alert_id}", "Alert", alert.build, "24h"),
    ("/catalogue", "Catalogue", catalogue.build, "24h"),
    ("/catalogue/{endpoint_id}", "Endpoint", endpoint.build, "24h"),
    ("/findings", "Findings", findings.build, "24h"),
    ("/events", "Events", events.build, "24h"),
    ("/events/{event_id}", "Event", event.build, "24h"),
    ("/clients", "Clients", clients.build, "24h"),
    ("/policies", "Policies", policies.build, "24h"),
    ("/policies/{name}", "Policy", policy.build, "24h"),
    ("/signals", "Signals", signals.build, "24h"),
    ("/signals/one", "Signal", signal.build, "24h"),
    ("/nodes", "Nodes", nodes.build, "24h"),
    ("/account", "Account", account.build, "24h"),
)
"""Path, window title, what fills it, and how far back it looks by itself."""
