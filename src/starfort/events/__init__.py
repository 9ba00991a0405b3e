"""Arrow schema of events, ingest and the spool on disk."""
