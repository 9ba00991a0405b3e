"""Alerts: messages to people, their channels and their history. README.md lists the modules.

Nothing is imported here: checking a configuration needs the secrets of channels and no history.
"""
