"""Calls that passed elsewhere: files of other tools, and proxies that tell what they see."""
