//! Sends HTTP/1.1 requests at a rate, whether or not answers come, and measures how long each takes.
//!
//! `open_loop ADDRESS REQUESTS RATE SECONDS CONNECTIONS` prints one JSON object. REQUESTS is a file of raw requests,
//! each after its length (u32, big endian); they are sent in that order, over and over. Each connection is a thread
//! with a Poisson process of its own; the rates add up to RATE.
//!
//! A request that has to wait for its connection counts from when it was due, so a proxy that stalls is charged for
//! all that would have been sent meanwhile (no "coordinated omission", Gil Tene). A request that found its connection
//! free counts from when it was written, so that a late wake-up of this program is not charged to the proxy; `late_ms`
//! shows how late those were.

use std::env;
use std::error::Error;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// An answer that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest response head that is read.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// What all connections share.
struct Plan {
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
    next: AtomicUsize,
    start: Instant,
    length: Duration,
    rate: f64,
}

/// What one connection measured, in nanoseconds.
#[derive(Default)]
struct Measured {
    latencies: Vec<u64>,
    late: Vec<u64>,
    failed: u64,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, requests, rate, seconds, connections] = arguments.as_slice() else {
        return Err("usage: open_loop ADDRESS REQUESTS RATE SECONDS CONNECTIONS".into());
    };
    let connections: u32 = connections.parse()?;
    set_timer_slack();
    let plan = Arc::new(Plan {
        address: address.parse()?,
        requests: split(&fs::read(requests)?)?,
        next: AtomicUsize::new(0),
        start: Instant::now() + Duration::from_millis(100),
        length: Duration::from_secs_f64(seconds.parse()?),
        rate: rate.parse::<f64>()? / f64::from(connections),
    });
    let threads: Vec<_> = (0..connections)
        .map(|number| {
            let plan = Arc::clone(&plan);
            thread::spawn(move || drive(&plan, u64::from(number)))
        })
        .collect();
    let mut all = Measured::default();
    for thread in threads {
        let one = thread.join().map_err(|_| "a connection panicked")??;
        all.latencies.extend(one.latencies);
        all.late.extend(one.late);
        all.failed += one.failed;
    }
    all.latencies.sort_unstable();
    all.late.sort_unstable();
    println!(
        "{{\"answered\": {}, \"failed\": {}, \"p50_ms\": {:.4}, \"p99_ms\": {:.4}, \"late_ms\": {:.4}}}",
        all.latencies.len(),
        all.failed,
        percentile_ms(&all.latencies, 50),
        percentile_ms(&all.latencies, 99),
        percentile_ms(&all.late, 99),
    );
    Ok(())
}

/// Nanosecond timers: Linux else lets a sleep last 50 µs longer (prctl(2), `PR_SET_TIMERSLACK`). Threads inherit it.
fn set_timer_slack() {
    const PR_SET_TIMERSLACK: i32 = 29;
    unsafe extern "C" {
        fn prctl(option: i32, argument: usize) -> i32;
    }
    // SAFETY: this option takes a number and touches no memory of ours.
    unsafe { prctl(PR_SET_TIMERSLACK, 1) };
}

fn split(mut bytes: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut requests = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let (request, rest) = rest.split_at_checked(length).ok_or("a request is cut short")?;
        requests.push(request.to_vec());
        bytes = rest;
    }
    if requests.is_empty() {
        return Err("no requests".into());
    }
    Ok(requests)
}

/// One connection from start to end.
fn drive(plan: &Plan, number: u64) -> Result<Measured> {
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15 ^ (number + 1));
    let mut measured = Measured::default();
    let mut buffer = vec![0; 16 * 1024];
    let mut stream = connect(plan)?;
    let mut due = plan.start + chance.exponential(plan.rate);
    while due < plan.start + plan.length {
        let waited = due.checked_duration_since(Instant::now());
        if let Some(pause) = waited {
            thread::sleep(pause);
        }
        let sent = Instant::now();
        let from = if waited.is_some() {
            measured.late.push(nanoseconds(sent - due));
            sent
        } else {
            due
        };
        let at = plan.next.fetch_add(1, Ordering::Relaxed) % plan.requests.len();
        match exchange(&mut stream, &plan.requests[at], &mut buffer) {
            Ok(status) if (200..400).contains(&status) => {
                measured.latencies.push(nanoseconds(from.elapsed()))
            }
            Ok(_) => measured.failed += 1,
            Err(_) => {
                measured.failed += 1;
                stream = connect(plan)?;
            }
        }
        due += chance.exponential(plan.rate);
    }
    Ok(measured)
}

fn connect(plan: &Plan) -> Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&plan.address, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Send one request and read its answer to the end. Returns its status.
fn exchange(stream: &mut TcpStream, request: &[u8], buffer: &mut Vec<u8>) -> Result<u16> {
    stream.write_all(request)?;
    let mut filled = 0;
    let head = loop {
        if filled == buffer.len() {
            if filled >= MAX_HEAD_BYTES {
                return Err("the head does not end".into());
            }
            buffer.resize(filled * 2, 0);
        }
        let read = stream.read(&mut buffer[filled..])?;
        if read == 0 {
            return Err("the connection was closed".into());
        }
        filled += read;
        if let Some(end) = buffer[..filled].windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
    };
    let text = std::str::from_utf8(&buffer[..head])?;
    let status = text.get(9..12).ok_or("no status")?.parse()?;
    let length: usize = text
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim())
        })
        .ok_or("an answer without content-length")?
        .parse()?;
    let mut rest = (head + length).saturating_sub(filled);
    while rest > 0 {
        let take = rest.min(buffer.len());
        let read = stream.read(&mut buffer[..take])?;
        if read == 0 {
            return Err("the connection was closed".into());
        }
        rest -= read;
    }
    Ok(status)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Of sorted nanoseconds.
fn percentile_ms(sorted: &[u64], percent: usize) -> f64 {
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).map_or(0.0, |&value| value as f64 / 1e6)
}

/// Pseudo random numbers (xorshift64*, Marsaglia 2003, Vigna 2016): the same times in every run.
struct Chance(u64);

impl Chance {
    fn exponential(&mut self, rate: f64) -> Duration {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let uniform = (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) as f64 / (1_u64 << 53) as f64;
        Duration::from_secs_f64((-(1.0 - uniform).ln() / rate).min(60.0))
    }
}
