//! Envoy's dynamic module ABI v0.2.0 (Envoy 1.40): the C functions that we call, the hooks that it calls, and the
//! only unsafe code of this crate. "abi.h" below is `source/extensions/dynamic_modules/abi/abi.h` of Envoy.
#![allow(unsafe_code, reason = "this file is the boundary to C")]

mod envoy_host;
mod hooks;
mod network;
mod program;

use std::ffi::c_void;

/// A pointer to Envoy's object of a stream, valid until `destroy` (abi.h, `http_filter_envoy_ptr`).
pub(crate) type EnvoyFilter = *mut c_void;

/// `envoy_dynamic_module_type_{envoy,module}_buffer`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Buffer {
    ptr: *const u8,
    length: usize,
}

/// `envoy_dynamic_module_type_{envoy,module}_http_header`.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(crate) struct Header {
    key_ptr: *const u8,
    key_length: usize,
    value_ptr: *const u8,
    value_length: usize,
}

impl Buffer {
    const EMPTY: Self = Self {
        ptr: std::ptr::null(),
        length: 0,
    };

    fn of(bytes: &[u8]) -> Self {
        Self {
            ptr: bytes.as_ptr(),
            length: bytes.len(),
        }
    }
}

/// The bytes at `ptr`; none for a null pointer, which Envoy gives for empty values.
///
/// # Safety
/// `ptr` is null or points to `length` bytes that stay as they are for `'a`.
unsafe fn bytes<'a>(ptr: *const u8, length: usize) -> &'a [u8] {
    if ptr.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: not null; the rest is the caller's promise.
    unsafe { std::slice::from_raw_parts(ptr, length) }
}

/// `envoy_dynamic_module_type_attribute_id`: request.protocol.
const ATTRIBUTE_REQUEST_PROTOCOL: u32 = 10;
/// `envoy_dynamic_module_type_attribute_id`: response.code.
const ATTRIBUTE_RESPONSE_CODE: u32 = 15;
/// `envoy_dynamic_module_type_attribute_id`: source.address. Where the connection comes from, or where the PROXY
/// protocol says so; with `use_remote_address` and no trusted hops Envoy takes it from no header.
const ATTRIBUTE_SOURCE_ADDRESS: u32 = 24;

/// Declares Envoy's functions and lists their names, so that `program_init` can see that all are there.
macro_rules! callbacks {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $kind:ty),* $(,)?) $(-> $result:ty)?;)+) => {
        unsafe extern "C" {
            $($(#[$doc])* fn $name($($argument: $kind),*) $(-> $result)?;)+
        }

        /// NUL-terminated names of the functions above.
        const CALLBACKS: &[&std::ffi::CStr] = &[$(
            match std::ffi::CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => c"",
            },
        )+];
    };
}

callbacks! {
    fn envoy_dynamic_module_callback_log(level: u32, message: Buffer);
    fn envoy_dynamic_module_callback_is_validation_mode() -> bool;
    fn envoy_dynamic_module_callback_http_get_headers_size(filter: EnvoyFilter, kind: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_headers(filter: EnvoyFilter, kind: u32, result: *mut Header) -> bool;
    fn envoy_dynamic_module_callback_http_set_header(filter: EnvoyFilter, kind: u32, key: Buffer, value: Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_get_body_size(filter: EnvoyFilter, kind: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_body_chunks_size(filter: EnvoyFilter, kind: u32) -> usize;
    fn envoy_dynamic_module_callback_http_get_body_chunks(filter: EnvoyFilter, kind: u32, result: *mut Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_append_body(filter: EnvoyFilter, kind: u32, data: Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_drain_body(filter: EnvoyFilter, kind: u32, count: usize) -> bool;
    fn envoy_dynamic_module_callback_http_received_buffered_request_body(filter: EnvoyFilter) -> bool;
    fn envoy_dynamic_module_callback_http_received_buffered_response_body(filter: EnvoyFilter) -> bool;
    fn envoy_dynamic_module_callback_http_get_buffer_limit(filter: EnvoyFilter) -> u64;
    fn envoy_dynamic_module_callback_http_set_buffer_limit(filter: EnvoyFilter, limit: u64);
    fn envoy_dynamic_module_callback_http_filter_get_attribute_string(filter: EnvoyFilter, attribute: u32, result: *mut Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_filter_get_attribute_int(filter: EnvoyFilter, attribute: u32, result: *mut u64) -> bool;
    fn envoy_dynamic_module_callback_http_get_cluster_name(filter: EnvoyFilter, result: *mut Buffer) -> bool;
    fn envoy_dynamic_module_callback_http_clear_route_cache(filter: EnvoyFilter);
    fn envoy_dynamic_module_callback_http_send_response(filter: EnvoyFilter, status: u32, headers: *mut Header, headers_size: usize, body: Buffer, details: Buffer);
    fn envoy_dynamic_module_callback_http_filter_continue_decoding(filter: EnvoyFilter);
    fn envoy_dynamic_module_callback_http_filter_scheduler_new(filter: EnvoyFilter) -> *mut c_void;
    fn envoy_dynamic_module_callback_http_filter_scheduler_commit(scheduler: *mut c_void, event: u64);
    fn envoy_dynamic_module_callback_http_filter_scheduler_delete(scheduler: *mut c_void);
    fn envoy_dynamic_module_callback_network_filter_get_remote_address(filter: *mut c_void, address: *mut Buffer, port: *mut u32) -> bool;
    fn envoy_dynamic_module_callback_network_filter_close(filter: *mut c_void, kind: u32);
}
