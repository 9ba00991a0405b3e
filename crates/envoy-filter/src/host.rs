//! What the filter needs from Envoy, as a safe trait. `abi.rs` implements it, and tests have a fake.

use std::net::IpAddr;

use smallvec::SmallVec;

/// Header names and values, borrowed from Envoy until the next change.
// 32 and 16 are more than most messages have, so these lists seldom need an allocation.
pub(crate) type HeaderList<'a> = SmallVec<[(&'a [u8], &'a [u8]); 32]>;

/// Slices of a body, borrowed from Envoy until the next change.
pub(crate) type Chunks<'a> = SmallVec<[&'a [u8]; 16]>;

/// One of the two messages of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// From the client.
    Request,
    /// From the upstream.
    Response,
}

/// One of the two parts of a body: bytes that came with this hook, and bytes that were held back before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The bytes of this hook.
    Received,
    /// The bytes held by earlier hooks.
    Buffered,
}

/// Why a stream is woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Why {
    /// The time for which it was held is over.
    Held = 0,
    /// Its body should have come.
    Pace = 1,
}

impl Why {
    /// From the number that came with the wake-up.
    pub(crate) const fn of(event: u64) -> Self {
        match event {
            0 => Self::Held,
            // Only this module asks for wake-ups, so every other number stands for its second reason.
            _ => Self::Pace,
        }
    }
}

/// A way to be called again on the stream's own thread.
pub(crate) trait Wake: Send {
    /// Have the `scheduled` hook called, unless the stream is gone by then.
    fn wake(&self);
}

/// One HTTP stream in Envoy.
pub(crate) trait Host {
    /// The headers of a message, pseudo headers included.
    fn headers(&self, side: Side) -> HeaderList<'_>;
    /// The trailers of the request; none before they came.
    fn request_trailers(&self) -> HeaderList<'_>;
    /// Set a header, replacing all of its values; an empty value removes it.
    fn set_header(&mut self, side: Side, name: &str, value: &str);
    /// Bytes of a part of a body.
    fn body_size(&self, side: Side, part: Part) -> usize;
    /// A part of a body.
    fn body_chunks(&self, side: Side, part: Part) -> Chunks<'_>;
    /// Whether both parts are the same bytes: a filter before this one had held them.
    fn received_is_buffered(&self, side: Side) -> bool;
    /// Put `bytes` in place of a part of a body.
    fn replace_body(&mut self, side: Side, part: Part, bytes: &[u8]);
    /// Let Envoy hold at least `bytes` of a body before it takes measures of its own.
    fn raise_buffer_limit(&mut self, bytes: usize);
    /// Address of the direct peer, or what its PROXY protocol header says; `None` for peers without one (Unix sockets).
    fn peer(&self) -> Option<IpAddr>;
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2` or `HTTP/3`.
    fn protocol(&self) -> &'static str;
    /// Status that was sent to the client, if any was.
    fn response_code(&self) -> Option<u16>;
    /// Name of the cluster that the route chose, "" without one.
    fn cluster(&self) -> String;
    /// Have the route chosen again, by the headers as they are now.
    fn clear_route_cache(&mut self);
    /// A way to be called again, for a reason; `None` when Envoy gives none.
    fn waker(&mut self, why: Why) -> Option<Box<dyn Wake>>;
}

#[cfg(test)]
pub(crate) mod fake;
