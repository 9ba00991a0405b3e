"""Where alerts go, one channel a file.

A new channel is three files: its settings in the configuration's model, its module here, and its line in
`opening.py`.
"""
