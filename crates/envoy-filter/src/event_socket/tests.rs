//! The thread against a control plane of the test's own.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;

use serde_json::Value;

use crate::frames::{self, FrameType, encode, encode_json};
use crate::hooks::row::tests::row;
use crate::outbox::WINDOW_BYTES;
use crate::process::Process;
use crate::testing::{bundle, process, write_bundle};
use crate::threads;

struct Control(UnixStream, Vec<u8>);

impl Control {
    fn accept(listener: &UnixListener) -> Self {
        Self(listener.accept().unwrap().0, Vec::new())
    }

    /// The next frame of a type; others are passed over.
    fn next(&mut self, wanted: FrameType) -> Vec<u8> {
        loop {
            let (kind, payload) = self.any();
            if kind == wanted as u8 {
                return payload;
            }
        }
    }

    /// The next frame.
    fn any(&mut self) -> (u8, Vec<u8>) {
        self.read_any().expect("the connection stands")
    }

    /// The next frame, `None` when the filter closed.
    fn read_any(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some((kind, payload, used)) = frames::decode(&self.1).unwrap() {
                let payload = payload.to_vec();
                self.1.drain(..used);
                return Some((kind, payload));
            }
            let mut chunk = [0; 16_384];
            let count = self.0.read(&mut chunk).unwrap();
            if count == 0 {
                return None;
            }
            self.1.extend_from_slice(&chunk[..count]);
        }
    }

    fn json(&mut self, wanted: FrameType) -> Value {
        serde_json::from_slice(&self.next(wanted)).unwrap()
    }

    fn events(&mut self) -> (u64, Vec<u8>) {
        let payload = self.next(FrameType::Events);
        let (sequence, arrow) = payload.split_first_chunk::<8>().unwrap();
        (u64::from_be_bytes(*sequence), arrow.to_vec())
    }

    fn send(&mut self, frame: Option<Vec<u8>>) {
        self.0.write_all(&frame.unwrap()).unwrap();
    }

    fn acknowledge(&mut self, sequence: u64) {
        self.send(encode(FrameType::EventsAck, &[&sequence.to_be_bytes()]));
    }
}

struct Run {
    process: Arc<Process>,
    directory: tempfile::TempDir,
}

impl Run {
    fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let process = process(directory.path());
        threads::acquire(&process).unwrap();
        Self { process, directory }
    }

    fn listen(&self) -> UnixListener {
        let path = self.directory.path().join("control.sock");
        let _ = std::fs::remove_file(&path);
        UnixListener::bind(path).unwrap()
    }

    fn emit(&self, id: &str) {
        self.process
            .events
            .push(Box::new(row(id)), &self.process.metrics);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        threads::release(&self.process);
    }
}

fn contains(arrow: &[u8], text: &str) -> bool {
    arrow
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn it_says_hello_sends_rows_and_stats_and_answers_pings() {
    let run = Run::start();
    let mut control = Control::accept(&run.listen());
    let hello = control.json(FrameType::Hello);
    assert_eq!(hello["pid"], std::process::id());
    assert_eq!(hello["envoy_abi"], crate::ABI_VERSION);
    assert_eq!(hello["instance"], run.process.instance);
    run.emit("event-one");
    let (sequence, arrow) = control.events();
    assert!(sequence == 1 && contains(&arrow, "event-one"));
    control.send(encode(FrameType::Ping, &[b"12345678"]));
    assert_eq!(control.next(FrameType::Pong), b"12345678");
    control.acknowledge(1);
    while control.json(FrameType::Stats)["counters"]["events_acknowledged"] != 1 {}
}

#[test]
fn rows_survive_the_control_plane_and_none_is_lost_or_doubled() {
    let run = Run::start();
    run.emit("before-anyone-listened");
    let listener = run.listen();
    let mut control = Control::accept(&listener);
    let (first, arrow) = control.events();
    assert!(contains(&arrow, "before-anyone-listened"));
    run.emit("unacknowledged");
    let (second, _) = control.events();
    control.acknowledge(first);
    // The acknowledgement is taken in before the connection ends.
    while control.json(FrameType::Stats)["counters"]["events_acknowledged"] != 1 {}
    drop(control);
    run.emit("while-it-was-away");
    let mut control = Control::accept(&listener);
    let (again, arrow) = control.events();
    assert_eq!(again, second);
    assert!(contains(&arrow, "unacknowledged"));
    let (third, arrow) = control.events();
    assert!(third > second && contains(&arrow, "while-it-was-away"));
    control.acknowledge(third);
    while control.json(FrameType::Stats)["counters"]["events_acknowledged"] != 3 {}
    assert_eq!(run.process.metrics.events_dropped.get(), 0);
}

#[test]
fn bundles_come_in_force_and_bad_ones_are_reported() {
    let run = Run::start();
    let mut control = Control::accept(&run.listen());
    let path = write_bundle(run.directory.path(), &bundle("v1"));
    let frame = serde_json::json!({"path": path, "version": "v1"});
    control.send(encode_json(FrameType::Bundle, &frame));
    let result = control.json(FrameType::BundleResult);
    assert_eq!(
        (&result["version"], &result["ok"]),
        (&"v1".into(), &true.into())
    );
    std::fs::write(&path, b"SFBUNDLE broken").unwrap();
    let frame = serde_json::json!({"path": path, "version": "v2"});
    control.send(encode_json(FrameType::Bundle, &frame));
    let result = control.json(FrameType::BundleResult);
    assert_eq!(
        (&result["version"], &result["ok"]),
        (&"v2".into(), &false.into())
    );
    assert!(!result["error"].as_str().unwrap().is_empty());
    assert_eq!(run.process.engine.load().as_ref().unwrap().version, "v1");
}

#[test]
fn signals_are_set_cleared_and_replaced() {
    let run = Run::start();
    let mut control = Control::accept(&run.listen());
    let set = |key: &str| serde_json::json!({"kind": "stuffing", "key_type": "address", "key": key, "score": 0.9, "ttl_ms": 60_000});
    let mut active = |frame: Value| {
        control.send(encode_json(FrameType::Signals, &frame));
        control.json(FrameType::SignalsAck)["active"].clone()
    };
    assert_eq!(
        active(
            serde_json::json!({"full": false, "set": [set("192.0.2.1"), set("192.0.2.2")], "clear": []})
        ),
        2
    );
    let gone = serde_json::json!({"kind": "stuffing", "key_type": "address", "key": "192.0.2.1"});
    assert_eq!(
        active(serde_json::json!({"full": false, "set": [], "clear": [gone]})),
        1
    );
    assert_eq!(
        active(serde_json::json!({"full": true, "set": [set("192.0.2.9")], "clear": []})),
        1
    );
    let odd = serde_json::json!({"kind": "x", "key_type": "shoe_size", "key": "9", "score": 1.0, "ttl_ms": 1});
    assert_eq!(
        active(serde_json::json!({"full": false, "set": [odd], "clear": []})),
        1
    );
    assert_eq!(run.process.metrics.signals_refused.get(), 1);
}

#[test]
fn who_logged_in_before_is_known_and_forgotten_by_a_rebuild() {
    // Far apart: what the filter keeps of near ones may be the same.
    const ANN: u64 = 0x9e37_79b9_7f4a_7c15;
    const BOB: u64 = 0x3c6e_f372_fe94_f82a;
    const EVE: u64 = 0xdaa6_6d2c_7ddf_743f;
    let run = Run::start();
    let mut control = Control::accept(&run.listen());
    let mut tell = |flags: u8, hashes: &[u64]| {
        let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        control.send(encode(FrameType::Known, &[&[flags], &bytes]));
        control.send(encode(FrameType::Ping, &[b"12345678"]));
        control.next(FrameType::Pong);
    };
    let known = |hash| run.process.shared.known.contains(hash);
    tell(0, &[ANN, BOB]);
    assert!(known(ANN) && known(BOB));
    tell(1, &[BOB]);
    assert!(known(ANN), "a rebuild that is not complete");
    tell(2, &[EVE]);
    assert!(!known(ANN) && known(BOB) && known(EVE));
}

#[test]
fn a_peer_that_does_not_keep_to_the_protocol_is_left_and_tried_again() {
    let run = Run::start();
    let listener = run.listen();
    for garbage in [
        &[0, 0, 0, 0, 0][..],
        &[0, 0, 0, 3, 5, b'{', b'x'],
        &[0, 0, 0, 2, 3, 1],
    ] {
        let mut control = Control::accept(&listener);
        control.json(FrameType::Hello);
        control.0.write_all(garbage).unwrap();
        let mut rest = Vec::new();
        let _ = control.0.read_to_end(&mut rest);
    }
    Control::accept(&listener).json(FrameType::Hello);
    assert_eq!(run.process.metrics.control_protocol_errors.get(), 3);
}

/// Emit rows of some 4 KB each, as fast as the thread takes them.
fn flood(run: &Run, rows: usize) {
    for index in 0..rows {
        let mut large = row(&format!("flood-{index}"));
        large.parameters = vec!["x".repeat(4096).into()];
        run.process
            .events
            .push(Box::new(large), &run.process.metrics);
        while run.process.events.len() > 500 {
            std::thread::yield_now();
        }
    }
}

fn active_signals(run: &Run) -> usize {
    run.process.shared.signals.len()
}

#[test]
fn answers_and_statistics_wait_behind_no_events_of_a_control_plane_whose_disk_is_full() {
    let run = Run::start();
    let mut control = Control::accept(&run.listen());
    control.json(FrameType::Hello);
    flood(&run, 6_000);
    let path = write_bundle(run.directory.path(), &bundle("now"));
    let frame = serde_json::json!({"path": path, "version": "now"});
    control.send(encode_json(FrameType::Bundle, &frame));
    // Nothing is acknowledged. What comes before the answer is at most the window, and the batch that crosses it.
    let mut taken = 0;
    loop {
        let (kind, payload) = control.any();
        if kind == FrameType::BundleResult as u8 {
            assert_eq!(
                serde_json::from_slice::<Value>(&payload).unwrap()["ok"],
                true
            );
            break;
        }
        taken += usize::from(kind == FrameType::Events as u8) * payload.len();
        assert!(taken <= WINDOW_BYTES + (1 << 20), "{taken} bytes");
    }
    loop {
        let stats = control.json(FrameType::Stats);
        if stats["bundle"]["version"] == "now" {
            assert!(stats["bundle"]["since_ms"].as_u64().unwrap() > 0);
            assert!(stats["waiting"]["calls"].as_u64().unwrap() >= 1000);
            break;
        }
    }
    let metrics = &run.process.metrics;
    assert_eq!(metrics.events_dropped.get(), 0);
}

#[test]
fn signals_are_taken_while_the_control_plane_reads_nothing() {
    let run = Run::start();
    let mut control = Control::accept(&run.listen());
    control.json(FrameType::Hello);
    flood(&run, 3_000);
    let set = serde_json::json!({"kind": "stuffing", "key_type": "address", "key": "192.0.2.1", "score": 0.9, "ttl_ms": 60_000});
    control.send(encode_json(
        FrameType::Signals,
        &serde_json::json!({"full": false, "set": [set], "clear": []}),
    ));
    let begin = std::time::Instant::now();
    while active_signals(&run) == 0 {
        assert!(begin.elapsed().as_secs() < 20, "the signal was not read");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn statistics_say_since_when_the_oldest_event_waits() {
    let run = Run::start();
    let mut control = Control::accept(&run.listen());
    let waiting = |control: &mut Control| control.json(FrameType::Stats)["waiting"].clone();
    assert_eq!(waiting(&mut control)["calls"], 0);
    let mut late = row("late");
    (late.time_us, late.duration_us) = (1_700_000_000_000_000, 250);
    run.process
        .events
        .push(Box::new(late), &run.process.metrics);
    let (sequence, _) = control.events();
    let said = waiting(&mut control);
    assert_eq!(
        (&said["calls"], &said["oldest_us"]),
        (&1.into(), &1_700_000_000_000_250_u64.into())
    );
    control.acknowledge(sequence);
    while waiting(&mut control)["calls"] != 0 {}
}

#[test]
fn full_buffers_give_up_details_then_ordinary_calls_and_no_log_in() {
    let run = Run::start();
    let ordinary = |index: usize| {
        let mut call = row(&format!("call-{index}"));
        (call.status, call.user_agent) = (200, "agent".into());
        // Far more than real rows have, so that the test need not make a million of them.
        call.path = "p".repeat(4096).into();
        call
    };
    for index in 0..24_000 {
        let mut call = ordinary(index);
        if index % 100 == 0 {
            call.account_hash = format!("account-{index:08}").into();
        }
        run.process
            .events
            .push(Box::new(call), &run.process.metrics);
        while run.process.events.len() > 500 {
            std::thread::yield_now();
        }
    }
    let metrics = &run.process.metrics;
    assert!(metrics.events_without_details.get() > 0);
    assert!(metrics.events_sampled_out.get() > 0);
    let listener = run.listen();
    let mut control = Control::accept(&listener);
    let mut logins = std::collections::BTreeSet::new();
    while logins.len() < 240 {
        let (sequence, arrow) = control.events();
        control.acknowledge(sequence);
        for window in arrow.windows(16) {
            if window.starts_with(b"account-") {
                logins.insert(window.to_vec());
            }
        }
    }
}

#[test]
fn what_nobody_took_before_envoy_ended_is_said() {
    let run = Run::start();
    let mut control = Control::accept(&run.listen());
    control.json(FrameType::Hello);
    control.json(FrameType::Stats);
    run.emit("never-acknowledged");
    control.events();
    let stopping = Arc::clone(&run.process);
    let begin = std::time::Instant::now();
    let thread = std::thread::spawn(move || threads::release(&stopping));
    let mut last = Value::Null;
    while let Some((kind, payload)) = control.read_any() {
        if kind == FrameType::Stats as u8 {
            last = serde_json::from_slice(&payload).unwrap();
        }
    }
    thread.join().unwrap();
    assert_eq!(last["waiting"]["calls"], 1);
    assert!(begin.elapsed().as_secs() < 5, "it ends before it is killed");
}

#[test]
fn events_on_their_way_go_out_when_envoy_stops() {
    let run = Run::start();
    let mut control = Control::accept(&run.listen());
    control.json(FrameType::Hello);
    run.emit("last-words");
    let stopping = Arc::clone(&run.process);
    let thread = std::thread::spawn(move || threads::release(&stopping));
    let (sequence, arrow) = control.events();
    assert!(contains(&arrow, "last-words"));
    control.acknowledge(sequence);
    thread.join().unwrap();
    assert_eq!(run.process.metrics.events_acknowledged.get(), 1);
}
