//! The C interface of Envoy's dynamic modules, as far as Starfort uses it, and the only `unsafe` of the crate.
//!
//! Declared from `source/extensions/dynamic_modules/abi/abi.h` of Envoy 1.40 (ABI `v0.2.0`). Rules of that header that
//! the comments below refer to: (1) pointers that Envoy hands to a hook are valid for that call; (2) buffers returned by
//! a getter belong to Envoy and stay valid until the next call that changes the same headers or body; (3) buffers
//! given to a callback are read before it returns; (4) a stream's hooks run on one worker thread.
#![allow(unsafe_code)]

use std::ffi::{c_char, c_void};
use std::net::{IpAddr, Ipv4Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::config::FilterConfig;
use crate::hooks::{DataStatus, Filter, HeadStatus, TrailersStatus};
use crate::host::{Body, Head, Host, LogLevel, Wake};

/// The ABI that this module was written for, NUL-terminated.
const ABI_VERSION: &[u8; 7] = b"v0.2.0\0";

/// `request.protocol` and `response.code_details` of the header's list of attributes.
const ATTRIBUTE_PROTOCOL: u32 = 10;
const ATTRIBUTE_CODE_DETAILS: u32 = 16;

#[repr(C)]
#[derive(Clone, Copy)]
struct Buffer {
    pointer: *const c_char,
    length: usize,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Header {
    key: *const c_char,
    key_length: usize,
    value: *const c_char,
    value_length: usize,
}

type Envoy = *mut c_void;

unsafe extern "C" {
    fn envoy_dynamic_module_callback_log(level: u32, message: Buffer);
    fn envoy_dynamic_module_callback_http_get_headers_size(envoy: Envoy, kind: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_headers(
        envoy: Envoy,
        kind: u32,
        result: *mut Header,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_set_header(
        envoy: Envoy,
        kind: u32,
        key: Buffer,
        value: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_body_chunks_size(envoy: Envoy, kind: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_body_chunks(
        envoy: Envoy,
        kind: u32,
        result: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_drain_body(envoy: Envoy, kind: u32, bytes: usize)
    -> bool;
    fn envoy_dynamic_module_callback_http_append_body(
        envoy: Envoy,
        kind: u32,
        data: Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_send_response(
        envoy: Envoy,
        status: u32,
        headers: *mut Header,
        headers_length: usize,
        body: Buffer,
        details: Buffer,
    );
    fn envoy_dynamic_module_callback_http_clear_route_cache(envoy: Envoy);
    fn envoy_dynamic_module_callback_http_set_buffer_limit(envoy: Envoy, limit: u64);
    fn envoy_dynamic_module_callback_http_get_cluster_name(
        envoy: Envoy,
        result: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_get_downstream_direct_remote_address(
        envoy: Envoy,
        address: *mut Buffer,
        port: *mut u32,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_filter_get_attribute_string(
        envoy: Envoy,
        attribute: u32,
        result: *mut Buffer,
    ) -> bool;
    fn envoy_dynamic_module_callback_http_filter_continue_decoding(envoy: Envoy);
    fn envoy_dynamic_module_callback_http_filter_scheduler_new(envoy: Envoy) -> *mut c_void;
    fn envoy_dynamic_module_callback_http_filter_scheduler_commit(
        scheduler: *mut c_void,
        event: u64,
    );
    fn envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler: *mut c_void);
}

const EMPTY: Buffer = Buffer {
    pointer: std::ptr::null(),
    length: 0,
};

fn lend(bytes: &[u8]) -> Buffer {
    Buffer {
        pointer: bytes.as_ptr().cast(),
        length: bytes.len(),
    }
}

/// # Safety
/// The buffer came from Envoy in this hook (rule 2) and nothing was changed since.
unsafe fn borrow<'a>(pointer: *const c_char, length: usize) -> &'a [u8] {
    if pointer.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: the caller's promise; Envoy's buffers hold `length` bytes.
    unsafe { std::slice::from_raw_parts(pointer.cast(), length) }
}

/// Write one line to Envoy's log.
pub(crate) fn log(level: LogLevel, message: &str) {
    // SAFETY: the message outlives the call (rule 3).
    unsafe { envoy_dynamic_module_callback_log(level as u32, lend(message.as_bytes())) };
}

/// A stream as Envoy knows it, for the time of one hook.
struct EnvoyHost(Envoy);

impl EnvoyHost {
    fn text(&self, attribute: u32) -> Option<&[u8]> {
        let mut buffer = EMPTY;
        // SAFETY: the stream is alive for this hook (rule 1) and the result is ours to write.
        let found = unsafe {
            envoy_dynamic_module_callback_http_filter_get_attribute_string(
                self.0,
                attribute,
                &raw mut buffer,
            )
        };
        // SAFETY: rule 2, the attribute is not changed while it is borrowed.
        found.then(|| unsafe { borrow(buffer.pointer, buffer.length) })
    }
}

impl Host for EnvoyHost {
    fn with_headers<R>(&self, head: Head, read: impl FnOnce(&[(&[u8], &[u8])]) -> R) -> R {
        // SAFETY: rule 1.
        let count =
            unsafe { envoy_dynamic_module_callback_http_get_headers_size(self.0, head as u32) };
        let none = Header {
            key: std::ptr::null(),
            key_length: 0,
            value: std::ptr::null(),
            value_length: 0,
        };
        let mut headers = smallvec::SmallVec::<[Header; 32]>::from_elem(none, count);
        // SAFETY: there is room for as many headers as Envoy said there are.
        let found = unsafe {
            envoy_dynamic_module_callback_http_get_headers(
                self.0,
                head as u32,
                headers.as_mut_ptr(),
            )
        };
        if !found {
            headers.clear();
        }
        let pairs: smallvec::SmallVec<[(&[u8], &[u8]); 32]> = headers
            .iter()
            // SAFETY: rule 2; `read` cannot reach the host, so nothing is changed before it returns.
            .map(|header| unsafe {
                (
                    borrow(header.key, header.key_length),
                    borrow(header.value, header.value_length),
                )
            })
            .collect();
        read(&pairs)
    }

    fn set_header(&self, head: Head, name: &str, value: Option<&str>) {
        let value = value.map_or(EMPTY, |value| lend(value.as_bytes()));
        // SAFETY: rules 1 and 3; a null value removes.
        unsafe {
            envoy_dynamic_module_callback_http_set_header(
                self.0,
                head as u32,
                lend(name.as_bytes()),
                value,
            )
        };
    }

    fn with_body<R>(&self, bodies: &[Body], read: impl FnOnce(&[&[u8]]) -> R) -> R {
        let mut chunks = smallvec::SmallVec::<[&[u8]; 8]>::new();
        for body in bodies {
            // SAFETY: rule 1.
            let count = unsafe {
                envoy_dynamic_module_callback_http_get_body_chunks_size(self.0, *body as u32)
            };
            let mut buffers = smallvec::SmallVec::<[Buffer; 8]>::from_elem(EMPTY, count);
            // SAFETY: there is room for as many chunks as Envoy said there are.
            let found = unsafe {
                envoy_dynamic_module_callback_http_get_body_chunks(
                    self.0,
                    *body as u32,
                    buffers.as_mut_ptr(),
                )
            };
            if found {
                // SAFETY: rule 2; `read` cannot reach the host.
                chunks.extend(
                    buffers
                        .iter()
                        .map(|buffer| unsafe { borrow(buffer.pointer, buffer.length) }),
                );
            }
        }
        read(&chunks)
    }

    fn drain_body(&self, body: Body, bytes: usize) {
        // SAFETY: rule 1; Envoy checks the length.
        unsafe { envoy_dynamic_module_callback_http_drain_body(self.0, body as u32, bytes) };
    }

    fn append_body(&self, body: Body, bytes: &[u8]) {
        // SAFETY: rules 1 and 3.
        unsafe { envoy_dynamic_module_callback_http_append_body(self.0, body as u32, lend(bytes)) };
    }

    fn send_response(&self, status: u16, headers: &[(String, String)], body: &[u8], details: &str) {
        let mut headers: smallvec::SmallVec<[Header; 8]> = headers
            .iter()
            .map(|(name, value)| Header {
                key: name.as_ptr().cast(),
                key_length: name.len(),
                value: value.as_ptr().cast(),
                value_length: value.len(),
            })
            .collect();
        // SAFETY: rules 1 and 3: everything lent outlives the call.
        unsafe {
            envoy_dynamic_module_callback_http_send_response(
                self.0,
                status.into(),
                headers.as_mut_ptr(),
                headers.len(),
                lend(body),
                lend(details.as_bytes()),
            );
        }
    }

    fn clear_route_cache(&self) {
        // SAFETY: rule 1.
        unsafe { envoy_dynamic_module_callback_http_clear_route_cache(self.0) };
    }

    fn set_buffer_limit(&self, bytes: u64) {
        // SAFETY: rule 1.
        unsafe { envoy_dynamic_module_callback_http_set_buffer_limit(self.0, bytes) };
    }

    fn continue_request(&self) {
        // SAFETY: rule 1; called from the `scheduled` hook on the stream's own thread (rule 4).
        unsafe { envoy_dynamic_module_callback_http_filter_continue_decoding(self.0) };
    }

    fn cluster(&self) -> String {
        let mut buffer = EMPTY;
        // SAFETY: rule 1, and the result is ours to write.
        let found =
            unsafe { envoy_dynamic_module_callback_http_get_cluster_name(self.0, &raw mut buffer) };
        let name = if found {
            // SAFETY: rule 2: copied at once.
            unsafe { borrow(buffer.pointer, buffer.length) }
        } else {
            &[]
        };
        String::from_utf8_lossy(name).into_owned()
    }

    fn answered_by_upstream(&self) -> bool {
        self.text(ATTRIBUTE_CODE_DETAILS)
            .is_none_or(|details| details == b"via_upstream")
    }

    fn peer(&self) -> IpAddr {
        let (mut buffer, mut port) = (EMPTY, 0);
        // SAFETY: rule 1, and the results are ours to write.
        let found = unsafe {
            envoy_dynamic_module_callback_http_get_downstream_direct_remote_address(
                self.0,
                &raw mut buffer,
                &raw mut port,
            )
        };
        let text = if found {
            // SAFETY: rule 2: copied at once.
            unsafe { borrow(buffer.pointer, buffer.length) }
        } else {
            &[]
        };
        let parsed = std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok());
        // A peer without an address (a Unix socket) is nobody's: the unspecified address is on no list.
        parsed.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
    }

    fn protocol(&self) -> &'static str {
        match self.text(ATTRIBUTE_PROTOCOL) {
            Some(b"HTTP/2") => "HTTP/2",
            Some(b"HTTP/3") => "HTTP/3",
            Some(b"HTTP/1.0") => "HTTP/1.0",
            _ => "HTTP/1.1",
        }
    }

    fn wake(&self) -> Box<dyn Wake> {
        // SAFETY: rule 1; the scheduler is ours until it is deleted, on whichever thread.
        Box::new(Scheduler(unsafe {
            envoy_dynamic_module_callback_http_filter_scheduler_new(self.0)
        }))
    }
}

/// Wakes a stream from another thread. Envoy's scheduler holds the stream weakly, so a stream that is gone is
/// simply not woken.
struct Scheduler(*mut c_void);

// SAFETY: abi.h lets a scheduler be used and deleted on any thread.
unsafe impl Send for Scheduler {}

impl Wake for Scheduler {
    fn wake(self: Box<Self>) {
        // SAFETY: not deleted before drop.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_commit(self.0, 0) };
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        // SAFETY: made by `scheduler_new`, deleted once.
        unsafe { envoy_dynamic_module_callback_http_filter_scheduler_delete(self.0) };
    }
}

/// Run a hook's body; a panic is caught, since unwinding into Envoy would be undefined.
fn guarded<R>(fallback: R, body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or(fallback)
}

/// # Safety
/// `filter` is what [`envoy_dynamic_module_on_http_filter_new`] returned and has not been destroyed (rule 1).
unsafe fn filter<'a>(filter: *const c_void) -> &'a mut Filter {
    // SAFETY: the caller's promise; rule 4 makes the reference the only one.
    unsafe { &mut *filter.cast_mut().cast::<Filter>() }
}

/// Called once when the module is loaded. Envoy compares the version; a null return refuses the module.
#[unsafe(no_mangle)]
pub extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    ABI_VERSION.as_ptr().cast()
}

/// A filter configuration came. Null refuses it.
///
/// # Safety
/// Called by Envoy with valid buffers (rule 1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    _envoy: Envoy,
    _name: BufferArgument,
    config: BufferArgument,
) -> *const c_void {
    // SAFETY: rule 1.
    let text = unsafe { borrow(config.0.pointer, config.0.length) };
    let made = guarded(
        Err("a panic while the configuration was read".to_owned()),
        || FilterConfig::new(text),
    );
    match made {
        Ok(config) => Arc::into_raw(Arc::new(config)).cast(),
        Err(error) => {
            log(
                LogLevel::Error,
                &format!("starfort: filter configuration refused: {error}"),
            );
            std::ptr::null()
        }
    }
}

/// A buffer argument; its fields are Envoy's business.
#[repr(transparent)]
pub struct BufferArgument(Buffer);

impl std::fmt::Debug for BufferArgument {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "BufferArgument({} bytes)", self.0.length)
    }
}

/// # Safety
/// `config` came from `config_new`, once (rule 1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(config: *const c_void) {
    // SAFETY: the caller's promise; filters hold what they need of it themselves.
    guarded((), || {
        // SAFETY: the caller's promise.
        drop(unsafe { Arc::from_raw(config.cast::<FilterConfig>()) });
    });
}

/// # Safety
/// `config` came from `config_new` and lives (rule 1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    config: *const c_void,
    _envoy: Envoy,
) -> *const c_void {
    // SAFETY: the caller's promise.
    let config = unsafe { &*config.cast::<FilterConfig>() };
    guarded(std::ptr::null(), || {
        Box::into_raw(Box::new(Filter::new(Arc::clone(&config.process))))
            .cast_const()
            .cast()
    })
}

/// # Safety
/// `pointer` came from `new`, once (rule 1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(pointer: *const c_void) {
    // SAFETY: the caller's promise.
    guarded((), || {
        // SAFETY: the caller's promise.
        drop(unsafe { Box::from_raw(pointer.cast_mut().cast::<Filter>()) });
    });
}

/// # Safety
/// Pointers are Envoy's for this call (rule 1).
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_headers(
    envoy: Envoy,
    pointer: *const c_void,
    end: bool,
) -> u32 {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter(pointer) };
    guarded(HeadStatus::Continue, || {
        filter.request_headers(&EnvoyHost(envoy), end)
    }) as u32
}

/// # Safety
/// As `request_headers`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_body(
    envoy: Envoy,
    pointer: *const c_void,
    end: bool,
) -> u32 {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter(pointer) };
    guarded(DataStatus::Continue, || {
        filter.request_body(&EnvoyHost(envoy), end)
    }) as u32
}

/// # Safety
/// As `request_headers`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_request_trailers(
    envoy: Envoy,
    pointer: *const c_void,
) -> u32 {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter(pointer) };
    guarded(TrailersStatus::Continue, || {
        filter.request_trailers(&EnvoyHost(envoy))
    }) as u32
}

/// # Safety
/// As `request_headers`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_headers(
    envoy: Envoy,
    pointer: *const c_void,
    end: bool,
) -> u32 {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter(pointer) };
    guarded(HeadStatus::Continue, || {
        filter.response_headers(&EnvoyHost(envoy), end)
    }) as u32
}

/// # Safety
/// As `request_headers`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_body(
    envoy: Envoy,
    pointer: *const c_void,
    end: bool,
) -> u32 {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter(pointer) };
    guarded(DataStatus::Continue, || {
        filter.response_body(&EnvoyHost(envoy), end)
    }) as u32
}

/// # Safety
/// As `request_headers`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_response_trailers(
    envoy: Envoy,
    pointer: *const c_void,
) -> u32 {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter(pointer) };
    guarded(TrailersStatus::Continue, || {
        filter.response_trailers(&EnvoyHost(envoy))
    }) as u32
}

/// # Safety
/// As `request_headers`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_stream_complete(
    _envoy: Envoy,
    pointer: *const c_void,
) {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter(pointer) };
    guarded((), || filter.complete());
}

/// # Safety
/// As `request_headers`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(
    envoy: Envoy,
    pointer: *const c_void,
    _event: u64,
) {
    // SAFETY: the caller's promise.
    let filter = unsafe { filter(pointer) };
    guarded((), || filter.woken(&EnvoyHost(envoy)));
}

/// Hooks that Envoy insists on and that Starfort never causes: it makes no callouts and sets no watermarks.
macro_rules! unused_hooks {
    ($($name:ident($($argument:ty),*);)+) => {
        $(
            /// Never called: Starfort does not use the feature.
            ///
            /// # Safety
            /// Reads nothing.
            #[unsafe(no_mangle)]
            pub unsafe extern "C" fn $name($(_: $argument),*) {}
        )+
    };
}

unused_hooks! {
    envoy_dynamic_module_on_http_filter_http_callout_done(
        Envoy, *const c_void, u64, u32, *const c_void, usize, *const c_void, usize);
    envoy_dynamic_module_on_http_filter_http_stream_headers(
        Envoy, *const c_void, u64, *const c_void, usize, bool);
    envoy_dynamic_module_on_http_filter_http_stream_data(Envoy, *const c_void, u64, *const c_void, usize, bool);
    envoy_dynamic_module_on_http_filter_http_stream_trailers(Envoy, *const c_void, u64, *const c_void, usize);
    envoy_dynamic_module_on_http_filter_http_stream_complete(Envoy, *const c_void, u64);
    envoy_dynamic_module_on_http_filter_http_stream_reset(Envoy, *const c_void, u64, u32);
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark(Envoy, *const c_void);
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark(Envoy, *const c_void);
}
