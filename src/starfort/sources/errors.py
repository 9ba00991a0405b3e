"""What can be wrong with a source.

SourceError                a file, or a source of live calls, cannot be read at all
└── UnknownFormatError     nothing that we know begins like it
"""

from __future__ import annotations


class SourceError(Exception):
    """A file cannot be read, or not any further.

    Args:
        what: one sentence.
        fix: what to do about it, "" when `what` says it.
    """

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class UnknownFormatError(SourceError):
    """Nothing that we know begins like this file."""
