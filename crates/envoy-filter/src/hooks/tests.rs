//! Streams through a fake host.
