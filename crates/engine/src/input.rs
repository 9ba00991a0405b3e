//! What the host tells the engine: heads as it has them, and how a stream ended.

use std::net::IpAddr;

/// The head of a request, as the host has it.
#[derive(Debug, Clone, Copy)]
pub struct RequestHead<'a, 'h> {
    /// Names (lower case) and values in the order received, pseudo headers included.
    pub headers: &'h [(&'a [u8], &'a [u8])],
    /// Address of the direct peer.
    pub peer: IpAddr,
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`.
    pub protocol: &'static str,
    /// No body follows.
    pub end_of_stream: bool,
}

/// The head of a response.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead<'a, 'h> {
    /// Names (lower case) and values, pseudo headers included.
    pub headers: &'h [(&'a [u8], &'a [u8])],
    /// The cluster that answered, "" when Envoy or Starfort answered.
    pub upstream: &'a str,
    /// No body follows.
    pub end_of_stream: bool,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, Default)]
pub struct StreamEnd {
    /// Body bytes received.
    pub request_bytes: u64,
    /// Body bytes sent.
    pub response_bytes: u64,
    /// Time spent in the filter, microseconds.
    pub engine_us: u32,
}
