"""Errors between the arrival of a batch and its insert into the store.

EventsError
├── BatchRefusedError     a batch is not what docs/events.md says; it is counted and dropped
├── SegmentRefusedError   the store says that a segment's content can never go in
├── SpoolError            the spool's directory cannot be used
├── IngestOverloadedError too many bytes wait for the disk
└── IngestClosedError     used after close()
"""

from __future__ import annotations


class EventsError(Exception):
    """Base of every error of this package."""


class BatchRefusedError(EventsError):
    """A batch breaks the contract.

    Attributes:
        reason: short code that is counted, for example `schema`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class SegmentRefusedError(EventsError):
    """The store refuses the content of a segment and would refuse it again; a sink raises this."""


class SpoolError(EventsError):
    """The spool's directory cannot be used; the message says why."""


class IngestOverloadedError(EventsError):
    """More bytes wait to be written than allowed; the batch stays with its sender."""


class IngestClosedError(EventsError):
    """Ingest was closed before the batch was on disk; the batch stays with its sender."""
