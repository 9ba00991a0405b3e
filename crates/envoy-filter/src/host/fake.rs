//! A stream without Envoy. It holds what the filter would see, and what the filter did.

use std::cell::Cell;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::{Chunks, HeaderList, Host, Part, Side, Wake, Why};

/// A fake stream. Bodies behave as in Envoy: bytes that a hook holds move from `received` to `buffered`.
pub(crate) struct FakeHost {
    pub(crate) request: Vec<(String, String)>,
    pub(crate) response: Vec<(String, String)>,
    pub(crate) trailers: Vec<(String, String)>,
    /// Whether the trailers were asked for.
    // Cells, because the trait reads through `&self`, as Envoy's own functions do.
    pub(crate) trailers_read: Cell<bool>,
    pub(crate) received: Vec<Vec<u8>>,
    pub(crate) buffered: Vec<Vec<u8>>,
    pub(crate) same_buffer: bool,
    pub(crate) route_cleared: bool,
    pub(crate) buffer_limit: usize,
    pub(crate) code: Option<u16>,
    /// Whether the next look at headers or bodies panics.
    pub(crate) panics: Cell<bool>,
    pub(crate) woken: Receiver<()>,
    wakes: Sender<()>,
}

struct FakeWake(Sender<()>);

impl Wake for FakeWake {
    fn wake(&self) {
        // A test that does not look at wake-ups may have dropped the receiver.
        let _ = self.0.send(());
    }
}

impl FakeHost {
    /// A request with these headers besides the pseudo headers.
    pub(crate) fn new(method: &str, path: &str, headers: &[(&str, &str)]) -> Self {
        let (wakes, woken) = channel();
        let pseudo = [
            (":method", method),
            (":path", path),
            (":authority", "shop.example"),
            (":scheme", "https"),
            ("x-request-id", "id-1"),
        ];
        Self {
            request: own(pseudo.iter().chain(headers)),
            trailers: Vec::new(),
            trailers_read: Cell::new(false),
            response: Vec::new(),
            received: Vec::new(),
            buffered: Vec::new(),
            same_buffer: false,
            route_cleared: false,
            // Small, so that tests with short bodies notice a limit that was not raised.
            buffer_limit: 1024,
            code: None,
            panics: Cell::new(false),
            woken,
            wakes,
        }
    }

    /// The head of the upstream's response comes.
    pub(crate) fn respond(&mut self, status: &str, headers: &[(&str, &str)]) {
        self.response = own([(":status", status)].iter().chain(headers));
        self.code = status.parse().ok();
        // Both messages share these fields: hooks of the request are over when the response comes.
        (self.received, self.buffered) = (Vec::new(), Vec::new());
    }

    /// A chunk comes.
    pub(crate) fn receive(&mut self, chunk: &[u8]) {
        self.received = vec![chunk.to_vec()];
    }

    /// Envoy holds what the hook did not let go, which must never be more than Envoy's limit.
    pub(crate) fn hold(&mut self) {
        self.buffered.append(&mut self.received);
        let held: usize = self.buffered.iter().map(Vec::len).sum();
        assert!(
            held <= self.buffer_limit,
            "Envoy would answer 413: {held} bytes"
        );
    }

    /// Everything that would go on from here.
    pub(crate) fn body(&self) -> Vec<u8> {
        [self.buffered.concat(), self.received.concat()].concat()
    }

    /// First value of a header.
    pub(crate) fn header(&self, side: Side, name: &str) -> Option<&str> {
        let headers = match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
        };
        headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    fn look(&self) {
        // Once only, so that a test sees how the filter goes on after the panic.
        assert!(!self.panics.replace(false), "asked to panic");
    }
}

fn own<'a>(headers: impl Iterator<Item = &'a (&'a str, &'a str)>) -> Vec<(String, String)> {
    headers
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

impl Host for FakeHost {
    fn headers(&self, side: Side) -> HeaderList<'_> {
        self.look();
        let headers = match side {
            Side::Request => &self.request,
            Side::Response => &self.response,
        };
        headers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect()
    }

    fn request_trailers(&self) -> HeaderList<'_> {
        self.look();
        self.trailers_read.set(true);
        self.trailers
            .iter()
            .map(|(name, value)| (name.as_bytes(), value.as_bytes()))
            .collect()
    }

    fn set_header(&mut self, side: Side, name: &str, value: &str) {
        let headers = match side {
            Side::Request => &mut self.request,
            Side::Response => &mut self.response,
        };
        // As Envoy's set_header: all former values go, and an empty value removes the header.
        headers.retain(|(known, _)| known != name);
        if !value.is_empty() {
            headers.push((name.into(), value.into()));
        }
    }

    fn body_size(&self, _: Side, part: Part) -> usize {
        let chunks = match part {
            Part::Received => &self.received,
            Part::Buffered => &self.buffered,
        };
        chunks.iter().map(Vec::len).sum()
    }

    fn body_chunks(&self, _: Side, part: Part) -> Chunks<'_> {
        self.look();
        let chunks = match part {
            Part::Received => &self.received,
            Part::Buffered => &self.buffered,
        };
        chunks.iter().map(Vec::as_slice).collect()
    }

    fn received_is_buffered(&self, _: Side) -> bool {
        self.same_buffer
    }

    fn replace_body(&mut self, _: Side, part: Part, bytes: &[u8]) {
        let chunks = match part {
            Part::Received => &mut self.received,
            Part::Buffered => &mut self.buffered,
        };
        *chunks = if bytes.is_empty() {
            Vec::new()
        } else {
            vec![bytes.to_vec()]
        };
    }

    fn raise_buffer_limit(&mut self, bytes: usize) {
        // Never lowered, as in `EnvoyHost`: another filter may need the larger limit.
        self.buffer_limit = self.buffer_limit.max(bytes);
    }

    fn peer(&self) -> Option<IpAddr> {
        Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)))
    }

    fn protocol(&self) -> &'static str {
        "HTTP/2"
    }

    fn response_code(&self) -> Option<u16> {
        self.code
    }

    fn cluster(&self) -> String {
        "shop".into()
    }

    fn clear_route_cache(&mut self) {
        self.route_cleared = true;
    }

    fn waker(&mut self, _why: Why) -> Option<Box<dyn Wake>> {
        Some(Box::new(FakeWake(self.wakes.clone())))
    }
}
