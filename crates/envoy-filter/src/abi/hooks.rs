//! The functions that Envoy calls. Each one turns pointers into references, runs safe code in which no panic can
//! escape, gives the references back, and only then takes the hook's last step.

use std::cell::RefCell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::envoy_host::EnvoyHost;
use super::{Buffer, EnvoyFilter, bytes};
use crate::filter_config::FilterConfig;
use crate::hooks::{BodyStatus, Filter, HeadersStatus, Then, TrailersStatus};
use crate::host::Why;
use crate::log::{self, Level};

/// What `new` gave to Envoy. The cell makes a hook that Envoy calls from within another one an error that is noticed,
/// not a second reference to the same stream.
type Stream = RefCell<Filter>;

/// Run a hook and take its last step. `fallback` is the status when there is no stream, the stream is in use further
/// up the stack, or the hook itself failed.
///
/// # Safety
/// Both pointers are those of the hook that Envoy called: `envoy` valid until it ends, `stream` null or from `new` and
/// not yet destroyed.
unsafe fn run<S>(
    envoy: EnvoyFilter,
    stream: *const Stream,
    fallback: S,
    hook: impl FnOnce(&mut Filter, &mut EnvoyHost) -> (S, Then),
) -> S {
    // SAFETY: the caller's promise; the host does not outlive this function.
    let mut host = unsafe { EnvoyHost::new(envoy) };
    let result = {
        // SAFETY: the caller's promise. The reference ends with this block, before Envoy may destroy the stream.
        let Some(stream) = (unsafe { stream.as_ref() }) else {
            return fallback;
        };
        let Ok(mut filter) = stream.try_borrow_mut() else {
            return fallback;
        };
        catch_unwind(AssertUnwindSafe(|| hook(&mut filter, &mut host)))
    };
    match result {
        Ok((status, then)) => {
            host.finish(then);
            status
        }
        Err(_) => fallback,
    }
}

/// abi.h: null refuses the configuration; what is returned is ours until `config_destroy`.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_new(
    _envoy: *mut c_void,
    _name: Buffer,
    config: Buffer,
) -> *const c_void {
    // SAFETY: abi.h: the buffer is valid during the hook.
    let json = unsafe { bytes(config.ptr, config.length) };
    make_config(json)
}

/// A filter configuration for Envoy to keep; null refuses it. To be called on the main thread.
pub(super) fn make_config(json: &[u8]) -> *const c_void {
    // SAFETY: abi.h: to be called on the main thread, as both `config_new` hooks are.
    let validating = unsafe { super::envoy_dynamic_module_callback_is_validation_mode() };
    let make = || {
        if validating {
            FilterConfig::validate(json)
        } else {
            FilterConfig::new(json)
        }
    };
    match catch_unwind(make) {
        Ok(Ok(config)) => Arc::into_raw(Arc::new(config)).cast(),
        Ok(Err(error)) => {
            log::say(Level::Error, &error);
            std::ptr::null()
        }
        Err(_) => std::ptr::null(),
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_config_destroy(config: *const c_void) {
    // SAFETY: from `make_config`; abi.h: destroyed once.
    unsafe { drop_config(config) };
}

/// # Safety
/// `config` is null or from [`make_config`], and is not used any more. Streams have their own count of it.
pub(super) unsafe fn drop_config(config: *const c_void) {
    if config.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    let config = unsafe { Arc::from_raw(config.cast::<FilterConfig>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(config)));
}

/// A configuration for one more stream or connection, which has a count of its own; `None` for null.
///
/// # Safety
/// `config` is null or from [`make_config`], and was not dropped.
pub(super) unsafe fn shared_config(config: *const c_void) -> Option<Arc<FilterConfig>> {
    let config = config.cast::<FilterConfig>();
    // SAFETY: the caller's promise: it came from `Arc::into_raw`, and Envoy's own count is still there.
    (!config.is_null()).then(|| unsafe {
        Arc::increment_strong_count(config);
        Arc::from_raw(config)
    })
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_new(
    config: *const c_void,
    _envoy: EnvoyFilter,
) -> *const c_void {
    // SAFETY: from `make_config`, which Envoy keeps while it makes streams of it.
    let Some(config) = (unsafe { shared_config(config) }) else {
        return std::ptr::null();
    };
    Box::into_raw(Box::new(Stream::new(Filter::new(config))))
        .cast_const()
        .cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_destroy(stream: *const c_void) {
    if stream.is_null() {
        return;
    }
    // SAFETY: from `into_raw` in `new`; abi.h: destroyed once. When that happens within `EnvoyHost::finish`, nothing of
    // it is borrowed.
    let stream = unsafe { Box::from_raw(stream.cast::<Stream>().cast_mut()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(stream)));
}

/// Hooks of messages: each hands its stream to a method of [`Filter`], and lets the message go on should that panic.
macro_rules! message_hooks {
    ($($name:ident($($end:ident)?) -> $status:ident: $method:ident;)+) => {
        $(#[unsafe(no_mangle)]
        unsafe extern "C" fn $name(
            envoy: EnvoyFilter,
            stream: *const c_void,
            $($end: bool,)?
        ) -> $status {
            // SAFETY: the pointers of this hook.
            unsafe {
                run(envoy, stream.cast(), $status::Continue, |filter, host| {
                    filter.$method(host $(, $end)?)
                })
            }
        })+
    };
}

message_hooks! {
    envoy_dynamic_module_on_http_filter_request_headers(end) -> HeadersStatus: request_headers;
    envoy_dynamic_module_on_http_filter_request_body(end) -> BodyStatus: request_body;
    envoy_dynamic_module_on_http_filter_request_trailers() -> TrailersStatus: request_trailers;
    envoy_dynamic_module_on_http_filter_response_headers(end) -> HeadersStatus: response_headers;
    envoy_dynamic_module_on_http_filter_response_body(end) -> BodyStatus: response_body;
    envoy_dynamic_module_on_http_filter_response_trailers() -> TrailersStatus: response_trailers;
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_stream_complete(
    envoy: EnvoyFilter,
    stream: *const c_void,
) {
    // SAFETY: the pointers of this hook.
    unsafe {
        run(envoy, stream.cast(), (), |filter, host| {
            filter.stream_complete(host);
            ((), Then::Nothing)
        });
    }
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_scheduled(
    envoy: EnvoyFilter,
    stream: *const c_void,
    event: u64,
) {
    // SAFETY: the pointers of this hook.
    unsafe {
        run(envoy, stream.cast(), (), |filter, host| {
            ((), filter.scheduled(host, Why::of(event)))
        });
    }
}

/// abi.h, `on_http_filter_local_reply_status`: 0 sends the reply as it is.
#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_http_filter_local_reply(
    envoy: EnvoyFilter,
    stream: *const c_void,
    status: u32,
    _details: Buffer,
    _reset_imminent: bool,
) -> u32 {
    // SAFETY: the pointers of this hook.
    unsafe {
        run(envoy, stream.cast(), 0, |filter, _| {
            filter.local_reply(u16::try_from(status).unwrap_or(0));
            (0, Then::Nothing)
        })
    }
}

/// Hooks without which Envoy 1.40 refuses a module, for features that this one does not use. Their further arguments
/// are left undeclared: the C calling convention of every platform that Envoy has lets the callee ignore them.
macro_rules! unused {
    ($($name:ident)+) => {
        $(#[unsafe(no_mangle)] const extern "C" fn $name() {})+
    };
}

unused! {
    envoy_dynamic_module_on_http_filter_http_callout_done
    envoy_dynamic_module_on_http_filter_http_stream_headers
    envoy_dynamic_module_on_http_filter_http_stream_data
    envoy_dynamic_module_on_http_filter_http_stream_trailers
    envoy_dynamic_module_on_http_filter_http_stream_complete
    envoy_dynamic_module_on_http_filter_http_stream_reset
    envoy_dynamic_module_on_http_filter_downstream_above_write_buffer_high_watermark
    envoy_dynamic_module_on_http_filter_downstream_below_write_buffer_low_watermark
}
