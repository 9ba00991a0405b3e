"""`starfort rules`: SecLang rules: OWASP CRS, Starfort's own, yours."""
