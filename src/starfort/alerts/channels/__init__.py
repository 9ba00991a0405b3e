"""The channels of alerts, one in each file.

A new channel is three files: its settings in the configuration's model, its module here, and its line in
`opening.py`.
"""
