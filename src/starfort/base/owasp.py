"""The OWASP API Security Top 10 of 2023, by which posture findings say what kind of risk they are.

Source: https://owasp.org/API-Security/editions/2023/en/0x11-t10/
"""

from __future__ import annotations

from typing import Final

OWASP_API: Final[dict[str, str]] = {
    "API1:2023": "Broken Object Level Authorization",
    "API2:2023": "Broken Authentication",
    "API3:2023": "Broken Object Property Level Authorization",
    "API4:2023": "Unrestricted Resource Consumption",
    "API5:2023": "Broken Function Level Authorization",
    "API6:2023": "Unrestricted Access to Sensitive Business Flows",
    "API7:2023": "Server Side Request Forgery",
    "API8:2023": "Security Misconfiguration",
    "API9:2023": "Improper Inventory Management",
    "API10:2023": "Unsafe Consumption of APIs",
}
"""The name of each risk by its number."""


def owasp_title(number: str) -> str:
    """`API9:2023 Improper Inventory Management`; "" for a number that is none."""
    name = OWASP_API.get(number)
    return f"{number} {name}" if name else ""
