"""`starfort rules`: the SecLang rules."""
