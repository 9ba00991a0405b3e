//! [`Host`] over Envoy's functions.

use std::ffi::c_void;
use std::net::{IpAddr, SocketAddr};

use smallvec::{SmallVec, smallvec};

use super::{
    ATTRIBUTE_REQUEST_PROTOCOL, ATTRIBUTE_RESPONSE_CODE, ATTRIBUTE_SOURCE_ADDRESS, Buffer,
    EnvoyFilter, Header, bytes, envoy_dynamic_module_callback_http_append_body,
    envoy_dynamic_module_callback_http_clear_route_cache,
    envoy_dynamic_module_callback_http_drain_body,
    envoy_dynamic_module_callback_http_filter_continue_decoding,
    envoy_dynamic_module_callback_http_filter_get_attribute_int,
    envoy_dynamic_module_callback_http_filter_get_attribute_string,
    envoy_dynamic_module_callback_http_filter_scheduler_commit,
    envoy_dynamic_module_callback_http_filter_scheduler_delete,
    envoy_dynamic_module_callback_http_filter_scheduler_new,
    envoy_dynamic_module_callback_http_get_body_chunks,
    envoy_dynamic_module_callback_http_get_body_chunks_size,
    envoy_dynamic_module_callback_http_get_body_size,
    envoy_dynamic_module_callback_http_get_buffer_limit,
    envoy_dynamic_module_callback_http_get_cluster_name,
    envoy_dynamic_module_callback_http_get_headers,
    envoy_dynamic_module_callback_http_get_headers_size,
    envoy_dynamic_module_callback_http_received_buffered_request_body,
    envoy_dynamic_module_callback_http_received_buffered_response_body,
    envoy_dynamic_module_callback_http_send_response,
    envoy_dynamic_module_callback_http_set_buffer_limit,
    envoy_dynamic_module_callback_http_set_header,
};
use crate::hooks::{Answer, Then};
use crate::host::{Chunks, HeaderList, Host, Part, Side, Wake, Why};

/// What Envoy notes as the reason of an answer (`%RESPONSE_CODE_DETAILS%`).
const DETAILS: &[u8] = b"starfort";

/// A stream of Envoy's, during one hook.
///
/// Invariant: the pointer is what Envoy gave to the hook that runs, on the thread of that hook. abi.h: it can be used
/// "until the filter is destroyed", so it may be used in every call below.
pub(super) struct EnvoyHost(EnvoyFilter);

impl EnvoyHost {
    /// # Safety
    /// `filter` is the `filter_envoy_ptr` of the hook that runs, and the result does not outlive the hook.
    pub(super) const unsafe fn new(filter: EnvoyFilter) -> Self {
        Self(filter)
    }

    /// Take the last step of a hook. Envoy may call other hooks of the stream meanwhile, `destroy` too, so nothing of
    /// the stream may be borrowed, and nothing is touched afterwards.
    pub(super) fn finish(self, then: Then) {
        match then {
            Then::Nothing => {}
            Then::Answer(answer) => self.send_response(&answer),
            // SAFETY: the type's invariant; abi.h allows it in every hook.
            Then::ContinueRequest => unsafe {
                envoy_dynamic_module_callback_http_filter_continue_decoding(self.0);
            },
        }
    }

    fn send_response(self, answer: &Answer) {
        let mut headers: Vec<Header> = answer
            .headers
            .iter()
            .map(|(name, value)| Header {
                key_ptr: name.as_ptr(),
                key_length: name.len(),
                value_ptr: value.as_ptr(),
                value_length: value.len(),
            })
            .collect();
        // SAFETY: the type's invariant; Envoy copies headers and body before the call returns, and `answer` is not part
        // of the stream's state, so that it outlives a `destroy` within the call.
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.0,
                u32::from(answer.status),
                headers.as_mut_ptr(),
                headers.len(),
                Buffer::of(&answer.body),
                Buffer::of(DETAILS),
            );
        }
    }

    /// An attribute that is a text, "" when Envoy does not know it.
    fn attribute(&self, attribute: u32) -> &[u8] {
        let mut result = Buffer::EMPTY;
        // SAFETY: the type's invariant; `result` is written during the call only, and points to what Envoy keeps for the
        // stream: valid until the end of the hook unless a setter is called, which needs `&mut self`.
        unsafe {
            envoy_dynamic_module_callback_http_filter_get_attribute_string(
                self.0,
                attribute,
                &raw mut result,
            );
            bytes(result.ptr, result.length)
        }
    }

    /// Text of a property; borrowed until the next change.
    fn text(&self, get: unsafe extern "C" fn(EnvoyFilter, *mut Buffer) -> bool) -> &[u8] {
        let mut result = Buffer::EMPTY;
        // SAFETY: the type's invariant; `result` is written during the call only.
        if !unsafe { get(self.0, &raw mut result) } {
            return &[];
        }
        // SAFETY: abi.h: valid until the end of the hook unless a setter is called, which needs `&mut self`.
        unsafe { bytes(result.ptr, result.length) }
    }
}

/// `envoy_dynamic_module_type_http_header_type`: the trailers of a request.
const REQUEST_TRAILERS: u32 = 1;

const fn header_kind(side: Side) -> u32 {
    match side {
        Side::Request => 0,
        Side::Response => 2,
    }
}

/// `envoy_dynamic_module_type_http_body_type`.
const fn body_kind(side: Side, part: Part) -> u32 {
    match (side, part) {
        (Side::Request, Part::Received) => 0,
        (Side::Request, Part::Buffered) => 1,
        (Side::Response, Part::Received) => 2,
        (Side::Response, Part::Buffered) => 3,
    }
}

impl EnvoyHost {
    fn header_list(&self, kind: u32) -> HeaderList<'_> {
        // SAFETY: the type's invariant.
        let count = unsafe { envoy_dynamic_module_callback_http_get_headers_size(self.0, kind) };
        let none = Header {
            key_ptr: std::ptr::null(),
            key_length: 0,
            value_ptr: std::ptr::null(),
            value_length: 0,
        };
        let mut raw: SmallVec<[Header; 32]> = smallvec![none; count];
        // SAFETY: abi.h: the array has room for as many headers as `get_headers_size` said just now.
        if !unsafe {
            envoy_dynamic_module_callback_http_get_headers(self.0, kind, raw.as_mut_ptr())
        } {
            return HeaderList::new();
        }
        raw.iter()
            .map(|header| {
                // SAFETY: abi.h: owned by Envoy's header map, unchanged until a setter is called (`&mut self`) or the hook
                // ends (`self`).
                unsafe {
                    (
                        bytes(header.key_ptr, header.key_length),
                        bytes(header.value_ptr, header.value_length),
                    )
                }
            })
            .collect()
    }
}

impl Host for EnvoyHost {
    fn headers(&self, side: Side) -> HeaderList<'_> {
        self.header_list(header_kind(side))
    }

    fn request_trailers(&self) -> HeaderList<'_> {
        self.header_list(REQUEST_TRAILERS)
    }

    fn set_header(&mut self, side: Side, name: &str, value: &str) {
        let value = if value.is_empty() {
            Buffer::EMPTY
        } else {
            Buffer::of(value.as_bytes())
        };
        // SAFETY: the type's invariant; Envoy copies name and value. False means that there is no such message any more,
        // and then nothing to change either.
        unsafe {
            envoy_dynamic_module_callback_http_set_header(
                self.0,
                header_kind(side),
                Buffer::of(name.as_bytes()),
                value,
            );
        }
    }

    fn body_size(&self, side: Side, part: Part) -> usize {
        // SAFETY: the type's invariant.
        unsafe { envoy_dynamic_module_callback_http_get_body_size(self.0, body_kind(side, part)) }
    }

    fn body_chunks(&self, side: Side, part: Part) -> Chunks<'_> {
        let kind = body_kind(side, part);
        // SAFETY: the type's invariant.
        let count =
            unsafe { envoy_dynamic_module_callback_http_get_body_chunks_size(self.0, kind) };
        if count == 0 {
            return Chunks::new();
        }
        let mut raw: SmallVec<[Buffer; 16]> = smallvec![Buffer::EMPTY; count];
        // SAFETY: abi.h: the array has room for as many chunks as `get_body_chunks_size` said just now.
        if !unsafe {
            envoy_dynamic_module_callback_http_get_body_chunks(self.0, kind, raw.as_mut_ptr())
        } {
            return Chunks::new();
        }
        raw.iter()
            .map(|chunk| {
                // SAFETY: abi.h: valid until the end of the hook unless a setter is called, which needs `&mut self`.
                unsafe { bytes(chunk.ptr, chunk.length) }
            })
            .collect()
    }

    fn received_is_buffered(&self, side: Side) -> bool {
        // SAFETY: the type's invariant.
        unsafe {
            match side {
                Side::Request => {
                    envoy_dynamic_module_callback_http_received_buffered_request_body(self.0)
                }
                Side::Response => {
                    envoy_dynamic_module_callback_http_received_buffered_response_body(self.0)
                }
            }
        }
    }

    fn replace_body(&mut self, side: Side, part: Part, new: &[u8]) {
        let kind = body_kind(side, part);
        // SAFETY: the type's invariant; no slice of the body is borrowed (`&mut self`), and Envoy copies `new`.
        unsafe {
            envoy_dynamic_module_callback_http_drain_body(self.0, kind, usize::MAX);
            if !new.is_empty() {
                envoy_dynamic_module_callback_http_append_body(self.0, kind, Buffer::of(new));
            }
        }
    }

    fn raise_buffer_limit(&mut self, limit: usize) {
        let limit = limit as u64;
        // SAFETY: the type's invariant.
        unsafe {
            // 0 is Envoy's "no limit".
            let present = envoy_dynamic_module_callback_http_get_buffer_limit(self.0);
            if present != 0 && present < limit {
                envoy_dynamic_module_callback_http_set_buffer_limit(self.0, limit);
            }
        }
    }

    fn peer(&self) -> Option<IpAddr> {
        let text = self.attribute(ATTRIBUTE_SOURCE_ADDRESS);
        let address: SocketAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
        Some(address.ip())
    }

    fn protocol(&self) -> &'static str {
        match self.attribute(ATTRIBUTE_REQUEST_PROTOCOL) {
            b"HTTP/1.0" => "HTTP/1.0",
            b"HTTP/2" => "HTTP/2",
            b"HTTP/3" => "HTTP/3",
            _ => "HTTP/1.1",
        }
    }

    fn response_code(&self) -> Option<u16> {
        let mut code = 0;
        // SAFETY: the type's invariant; `code` is written during the call only.
        let known = unsafe {
            envoy_dynamic_module_callback_http_filter_get_attribute_int(
                self.0,
                ATTRIBUTE_RESPONSE_CODE,
                &raw mut code,
            )
        };
        known
            .then_some(code)
            .and_then(|code| u16::try_from(code).ok())
    }

    fn cluster(&self) -> String {
        String::from_utf8_lossy(self.text(envoy_dynamic_module_callback_http_get_cluster_name))
            .into_owned()
    }

    fn clear_route_cache(&mut self) {
        // SAFETY: the type's invariant.
        unsafe { envoy_dynamic_module_callback_http_clear_route_cache(self.0) }
    }

    fn waker(&mut self, why: Why) -> Option<Box<dyn Wake>> {
        // SAFETY: the type's invariant; the result is ours until we delete it.
        let scheduler = unsafe { envoy_dynamic_module_callback_http_filter_scheduler_new(self.0) };
        (!scheduler.is_null()).then(|| Box::new(Scheduler(scheduler, why)) as Box<dyn Wake>)
    }
}

/// An `http_filter_scheduler_module_ptr`: ours to use from any thread and to delete.
struct Scheduler(*mut c_void, Why);

// SAFETY: abi.h, `scheduler_new`: made "to dispatch HTTP filter operations from any thread".
unsafe impl Send for Scheduler {}

impl Wake for Scheduler {
    fn wake(&self) {
        // SAFETY: not deleted before `drop`; abi.h: does nothing when the stream is gone. `alarm::Alarm` sees to it that
        // this does not happen once the stream's worker is on its way out.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_commit(self.0, self.1 as u64) }
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        // SAFETY: made by `scheduler_new`, deleted once.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_delete(self.0) }
    }
}
