//! What the filter asks of Envoy, as a safe trait: `abi.rs` implements it, and a fake one in tests.

use std::net::IpAddr;

/// Which header block. The numbers are abi.h's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Head {
    /// Request headers.
    Request = 0,
    /// Response headers.
    Response = 2,
}

/// Which part of a body. The numbers are abi.h's. The last chunk is in *received*, what came before in *buffered*.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Body {
    /// This chunk of the request.
    ReceivedRequest = 0,
    /// What was held of the request before.
    BufferedRequest = 1,
    /// This chunk of the response.
    ReceivedResponse = 2,
    /// What was held of the response before.
    BufferedResponse = 3,
}

/// Level of a log line. The numbers are abi.h's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum LogLevel {
    /// Information.
    Info = 2,
    /// Something to look at.
    Warn = 3,
    /// Something failed.
    Error = 4,
}

/// Wakes a stream that waits, from another thread.
pub trait Wake: Send {
    /// Make Envoy call the stream's `scheduled` hook, if the stream is still there.
    fn wake(self: Box<Self>);
}

/// One stream, for the time of one hook.
pub trait Host {
    /// Read a header block: names and values in order.
    fn with_headers<R>(&self, head: Head, read: impl FnOnce(&[(&[u8], &[u8])]) -> R) -> R;
    /// Set a header, or remove it (`None`).
    fn set_header(&self, head: Head, name: &str, value: Option<&str>);
    /// Read the chunks of bodies, one after the other.
    fn with_body<R>(&self, bodies: &[Body], read: impl FnOnce(&[&[u8]]) -> R) -> R;
    /// Drop bytes from the front.
    fn drain_body(&self, body: Body, bytes: usize);
    /// Add bytes at the end.
    fn append_body(&self, body: Body, bytes: &[u8]);
    /// Answer instead of the upstream.
    fn send_response(&self, status: u16, headers: &[(String, String)], body: &[u8], details: &str);
    /// Choose the route again, since a header changed.
    fn clear_route_cache(&self);
    /// How much Envoy may hold of a body.
    fn set_buffer_limit(&self, bytes: u64);
    /// Go on with a request that was held.
    fn continue_request(&self);
    /// Cluster of the route.
    fn cluster(&self) -> String;
    /// Whether the response came from the upstream (else Envoy made it).
    fn answered_by_upstream(&self) -> bool;
    /// Address of the direct peer.
    fn peer(&self) -> IpAddr;
    /// `HTTP/1.1` and so on.
    fn protocol(&self) -> &'static str;
    /// Something that wakes this stream later.
    fn wake(&self) -> Box<dyn Wake>;
}
