//! Shapes: what requests and answers look like, without their values, so that the control plane can learn the schemas of
//! an API from its traffic.
//!
//! A [`Sketch`] listens to the one reading of the body (`http::listener`); [`request`] adds path, query, headers and
//! cookies to it. [`Memory`] decides whether this message shows something new, or is one of few ordinary ones; only then a
//! text is written, which `docs/events.md` defines ("Shapes"), with what it reveals.

mod characters;
mod format;
mod memory;
mod names;
mod sketch;
mod text;

pub use characters::CharacterSet;
pub use memory::Memory;
pub(crate) use sketch::Sketch;

use crate::endpoint::{Found, segment};
use crate::engine::Engine;
use crate::headers::{Headers, lossy};
use crate::http::Location;
use crate::http::body::BodyKind;
use crate::transaction::Transaction;
use memory::Call;

/// The shape of a request, for its event; "" when it is not told.
///
/// Only calls that the upstream answered with success are told: what is refused says nothing about what is right.
pub(crate) fn request(transaction: &mut Transaction, engine: &Engine) -> String {
    let is_answered = !transaction.response.upstream.is_empty();
    if !transaction.is_shaped || !is_answered || !(200..400).contains(&transaction.response.status)
    {
        return String::new();
    }
    let mut sketch = transaction.sketch.take().unwrap_or_default();
    if sketch.is_broken {
        return String::new();
    }
    let places = [
        (names::PATH, path(&mut sketch, transaction, engine)),
        (
            names::QUERY,
            parameters(&mut sketch, transaction, engine, Location::Query),
        ),
        (
            names::HEADER,
            headers(&mut sketch, &transaction.headers, engine),
        ),
        (
            names::COOKIE,
            parameters(&mut sketch, transaction, engine, Location::Cookie),
        ),
        (names::BODY, sketch.body.unwrap_or(sketch::NONE)),
    ];
    tell(&mut sketch, &places, call(transaction, engine, 0), engine)
}

/// Whether the body of an answer is read for its shape: it is JSON, and it is its turn.
pub(crate) fn wants_answer(transaction: &Transaction, engine: &Engine) -> bool {
    let response = &transaction.response;
    if !transaction.is_shaped
        || response.upstream.is_empty()
        || !matches!(
            BodyKind::of(&response.content_type),
            BodyKind::Json | BodyKind::JsonLines
        )
    {
        return false;
    }
    let call = call(transaction, engine, response.status);
    let memory = &engine.shared.shapes;
    memory.reads_answer(call.endpoint, call.now_us)
}

/// The shape of an answer, for its event; "" when it is not told.
pub(crate) fn response(transaction: &mut Transaction, engine: &Engine) -> String {
    if !transaction.is_shaped || transaction.response.upstream.is_empty() {
        return String::new();
    }
    let sketch = transaction.response.sketch.take();
    // A body that was not read would look like none.
    let has_body = sketch.is_some();
    let mut sketch = sketch.unwrap_or_default();
    if sketch.is_broken || !has_body && !transaction.response.content_type.is_empty() {
        return String::new();
    }
    let status = transaction.response.status;
    let places = [
        (
            names::HEADER,
            headers(&mut sketch, &transaction.response.headers, engine),
        ),
        (names::BODY, sketch.body.unwrap_or(sketch::NONE)),
    ];
    tell(
        &mut sketch,
        &places,
        call(transaction, engine, status),
        engine,
    )
}

fn tell(
    sketch: &mut Sketch,
    places: &[(&'static str, u32)],
    call: Call,
    engine: &Engine,
) -> String {
    sketch.settle();
    let memory = &engine.shared.shapes;
    if !memory.tells(call, sketch.nodes()) {
        return String::new();
    }
    let hides = |node: &sketch::Node| memory.has_many_values(call, node);
    text::write(sketch, places, hides).unwrap_or_default()
}

/// Whether a call is looked at; see [`Memory`].
pub(crate) fn looks(engine: &Engine, found: &Found, method: &str) -> bool {
    engine.shapes && engine.shared.shapes.looks(called(engine, found, method, 0))
}

/// A hash of what is called. `salt` keeps requests, and answers of each status, apart.
fn called(engine: &Engine, found: &Found, method: &str, salt: u16) -> u64 {
    let matched = found.matched;
    let api = engine.api(matched.api).map_or("", |api| &api.name);
    let endpoint = engine.endpoint(matched.endpoint);
    let endpoint = endpoint.map_or("", |endpoint| &endpoint.id);
    let above = names::way(names::way(u64::from(salt), api), endpoint);
    // Of an endpoint that is not known yet, the method is what tells calls apart.
    names::way(above, method)
}

/// What is called, and by whom.
fn call(transaction: &Transaction, engine: &Engine, salt: u16) -> Call {
    let identity = &transaction.identity;
    let caller = if identity.subject_hash.is_empty() {
        let octets = crate::client::address::mapped(transaction.client.address).octets();
        engine.hash.short(&octets)
    } else {
        names::way(0, &identity.subject_hash)
    };
    Call {
        endpoint: called(engine, &transaction.found, &transaction.method, salt),
        caller,
        now_us: transaction.started.unix_us,
    }
}

/// The parameters of the path, by the template's names.
fn path(sketch: &mut Sketch, transaction: &Transaction, engine: &Engine) -> u32 {
    let place = sketch.place(names::PATH);
    if let Some(endpoint) = engine.endpoint(transaction.found.matched.endpoint) {
        let segments = endpoint
            .path
            .split('/')
            .zip(transaction.found.path.split('/'));
        for (template, segment) in segments {
            for (name, value) in segment::captures(template, segment).into_iter().flatten() {
                sketch.place_text(place, name, value, &engine.hash);
            }
        }
    }
    place
}

/// The parameters of the query, or the cookies.
fn parameters(
    sketch: &mut Sketch,
    transaction: &Transaction,
    engine: &Engine,
    of: Location,
) -> u32 {
    let name = if of == Location::Query {
        names::QUERY
    } else {
        names::COOKIE
    };
    let place = sketch.place(name);
    for parameter in transaction
        .parameters
        .iter()
        .filter(|found| found.location == of)
    {
        sketch.place_text(place, parameter.name, parameter.value, &engine.hash);
    }
    place
}

/// The headers that are not those of every message.
fn headers(sketch: &mut Sketch, received: &Headers, engine: &Engine) -> u32 {
    let place = sketch.place(names::HEADER);
    for (name, value) in received.iter() {
        let name = lossy(name);
        if !names::is_usual_header(&name) {
            sketch.place_text(place, &name, &lossy(value), &engine.hash);
        }
    }
    place
}

#[cfg(test)]
mod tests;
