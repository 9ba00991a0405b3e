//! The network filter: it counts connections as they begin and end, and closes those of an address that has too many.
//!
//! It stands before the HTTP connection manager, and looks at no byte: what is read and written passes.

use std::ffi::c_void;
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{
    Buffer, bytes, envoy_dynamic_module_callback_network_filter_close,
    envoy_dynamic_module_callback_network_filter_get_remote_address, hooks,
};
use crate::connections::Open;
use crate::filter_config::FilterConfig;

/// `envoy_dynamic_module_type_on_network_filter_data_status`.
const CONTINUE: u32 = 0;
const STOP: u32 = 1;

/// `envoy_dynamic_module_type_network_connection_close_type`: no flush.
const NO_FLUSH: u32 = 1;

/// One connection. Envoy calls its hooks on one thread, and none from within another that changes it.
struct Connection {
    config: Arc<FilterConfig>,
    open: std::cell::RefCell<Option<Open>>,
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_config_new(
    _envoy: *mut c_void,
    _name: Buffer,
    config: Buffer,
) -> *const c_void {
    // SAFETY: abi.h: the buffer is valid during the hook.
    let json = unsafe { bytes(config.ptr, config.length) };
    hooks::make_config(json)
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_config_destroy(config: *const c_void) {
    // SAFETY: from `make_config`; abi.h: destroyed once.
    unsafe { hooks::drop_config(config) };
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_new(
    config: *const c_void,
    _envoy: *mut c_void,
) -> *const c_void {
    // SAFETY: from `make_config`, which Envoy keeps while it makes connections of it.
    let Some(config) = (unsafe { hooks::shared_config(config) }) else {
        return std::ptr::null();
    };
    let connection = Connection {
        config,
        open: std::cell::RefCell::new(None),
    };
    Box::into_raw(Box::new(connection)).cast_const().cast()
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_new_connection(
    envoy: *mut c_void,
    connection: *const c_void,
) -> u32 {
    // SAFETY: null or from `new`, and not yet destroyed.
    let Some(connection) = (unsafe { connection.cast::<Connection>().as_ref() }) else {
        return CONTINUE;
    };
    // SAFETY: the pointer of this hook.
    let Some(address) = (unsafe { remote_address(envoy) }) else {
        return CONTINUE;
    };
    let begin = || {
        let open = connection.config.process.connection_begins(address)?;
        if let Ok(mut kept) = connection.open.try_borrow_mut() {
            *kept = open;
        }
        Ok::<(), ()>(())
    };
    match catch_unwind(AssertUnwindSafe(begin)) {
        Ok(Err(())) => {
            // SAFETY: the pointer of this hook; nothing of the connection is borrowed.
            unsafe { envoy_dynamic_module_callback_network_filter_close(envoy, NO_FLUSH) };
            STOP
        }
        _ => CONTINUE,
    }
}

/// Where a connection comes from: the address that the PROXY protocol gives, where a listener speaks it.
///
/// # Safety
/// `envoy` is the pointer of the hook that runs.
unsafe fn remote_address(envoy: *mut c_void) -> Option<IpAddr> {
    let (mut address, mut port) = (Buffer::EMPTY, 0);
    // SAFETY: the caller's promise; both results are written during the call only.
    let known = unsafe {
        envoy_dynamic_module_callback_network_filter_get_remote_address(
            envoy,
            &raw mut address,
            &raw mut port,
        )
    };
    if !known {
        return None;
    }
    // SAFETY: abi.h: owned by the connection, which is there until the hook ends.
    let text = unsafe { bytes(address.ptr, address.length) };
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[unsafe(no_mangle)]
const extern "C" fn envoy_dynamic_module_on_network_filter_read(
    _envoy: *mut c_void,
    _connection: *const c_void,
    _length: usize,
    _end: bool,
) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
const extern "C" fn envoy_dynamic_module_on_network_filter_write(
    _envoy: *mut c_void,
    _connection: *const c_void,
    _length: usize,
    _end: bool,
) -> u32 {
    CONTINUE
}

#[unsafe(no_mangle)]
const extern "C" fn envoy_dynamic_module_on_network_filter_event(
    _envoy: *mut c_void,
    _connection: *const c_void,
    _event: u32,
) {
}

#[unsafe(no_mangle)]
unsafe extern "C" fn envoy_dynamic_module_on_network_filter_destroy(connection: *const c_void) {
    if connection.is_null() {
        return;
    }
    // SAFETY: from `into_raw` in `new`; abi.h: destroyed once.
    let connection = unsafe { Box::from_raw(connection.cast::<Connection>().cast_mut()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(connection)));
}
