//! A node without an Envoy: rows of a busy shop go into the real queue at any rate, and the real socket thread sends
//! them. So a benchmark offers ten times what a control plane can take, on a machine whose Envoy could not.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use starfort_engine::event::{EventRow, MappedAddress};

use crate::clock;
use crate::filter_config::FilterConfig;
use crate::process::Process;
use crate::random::Random;

/// Rows go out in this many pieces a second.
const PIECES_PER_S: u32 = 200;

/// Log-ins of the campaign in a second.
const CAMPAIGN_PER_S: u32 = 100;

/// Networks that the campaign comes from, one address in each.
const CAMPAIGN_NETWORKS: u32 = 200;

/// Markers in a second: log-ins that succeed, of one fingerprint, by which the benchmark finds them in the store.
const MARKERS_PER_S: u32 = 4;

/// What the flood is told.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Rows a second.
    pub rate: u32,
    /// How long.
    pub length: Duration,
    /// When the campaign begins; later than `length`: never.
    pub campaign_at: Duration,
}

/// Send rows, and say each second how far it is; then go on until this process is ended.
///
/// # Errors
/// The configuration is not one of a filter.
pub fn flood(
    config: &[u8],
    plan: &Plan,
    say: impl Fn(&Value),
) -> Result<std::convert::Infallible, String> {
    let config = FilterConfig::new(config)?;
    let mut shop = Shop::new();
    let start = Instant::now();
    let (mut made, mut calls, mut piece) = (0_u64, 0_u64, 0_u32);
    while start.elapsed() < plan.length {
        let due = Duration::from_secs(1) * piece / PIECES_PER_S;
        if let Some(pause) = due.checked_sub(start.elapsed()) {
            std::thread::sleep(pause);
        }
        // Counted from the beginning, so that a rate that the pieces do not divide evenly loses no rows.
        let upto = u64::from(plan.rate) * u64::from(piece + 1) / u64::from(PIECES_PER_S);
        while calls < upto {
            send(&config.process, shop.call());
            (calls, made) = (calls + 1, made + 1);
        }
        if piece.is_multiple_of(PIECES_PER_S / MARKERS_PER_S) {
            send(&config.process, shop.marker());
            made += 1;
        }
        if due >= plan.campaign_at && piece.is_multiple_of(PIECES_PER_S / CAMPAIGN_PER_S) {
            send(&config.process, shop.stuffing());
            made += 1;
        }
        if piece.is_multiple_of(PIECES_PER_S) {
            say(&state(&config.process, made));
        }
        piece += 1;
    }
    // The benchmark ends this process; until then, what waits is still being sent.
    loop {
        say(&state(&config.process, made));
        std::thread::sleep(Duration::from_millis(250));
    }
}

fn send(process: &Process, row: Box<EventRow>) {
    process.metrics.events.increment();
    if process.events.push(row, &process.metrics) {
        process.wake();
    }
}

fn state(process: &Process, made: u64) -> Value {
    json!({
        "time_us": clock::now().unix_us,
        "made": made,
        "counters": process.metrics.snapshot(),
    })
}

/// Makes the rows.
#[derive(Debug)]
struct Shop {
    random: Random,
    number: u32,
}

impl Shop {
    fn new() -> Self {
        Self {
            random: Random::default(),
            number: 0,
        }
    }

    /// A number below a bound.
    fn below(&mut self, bound: u32) -> u32 {
        self.random.below(bound)
    }

    /// What all rows have.
    fn row(&mut self, method: &str, template: &str, path: &str, status: u16) -> Box<EventRow> {
        let mut row = EventRow::empty();
        row.time_us = clock::now().unix_us;
        self.number = self.number.wrapping_add(1);
        let chance = self.below(u32::MAX);
        row.id = format!("{:08x}{chance:08x}", self.number).into();
        row.node = "flood".into();
        row.api = "shop".into();
        row.endpoint_id = format!("{:016x}", template.len() * 7919).into();
        row.method = method.into();
        row.scheme = "https".into();
        row.host = "shop.example.com".into();
        row.path = path.into();
        row.template = template.into();
        row.protocol = "HTTP/1.1";
        row.status = status;
        row.upstream = "shop".into();
        row.response_bytes = u64::from(500 + self.below(4000));
        row.duration_us = 2_000 + self.below(20_000);
        row.engine_us = 20 + self.below(40);
        row.content_type = "application/json".into();
        row.response_content_type = "application/json".into();
        Box::new(row)
    }

    /// One call of one of 3,000 people to one of 60 endpoints.
    fn call(&mut self) -> Box<EventRow> {
        let (person, endpoint) = (self.below(3_000), self.below(60));
        let template = format!("/api/v1/{}/{{id}}", "r".repeat(endpoint as usize + 1));
        let object = self.below(100_000);
        let path = template.replace("{id}", &object.to_string());
        let mut row = self.row("GET", &template, &path, 200);
        row.address = address(10, person);
        row.asn = 64_500 + person % 60;
        row.fingerprint = format!("{:016x}", person % 40).into();
        row.ja4 = format!("t13d1516h2_{:012x}", person % 25).into();
        row.user_agent = format!("Mozilla/5.0 (X11; Linux x86_64; rv:{}.0)", person % 40).into();
        row.session_hash = format!("{:016x}", person + 1).into();
        row.object_hash = format!("{object:016x}").into();
        row.parameters = vec!["path:id:integer".into()];
        row
    }

    /// A log-in that succeeds.
    fn marker(&mut self) -> Box<EventRow> {
        let mut row = self.row("POST", "/api/v1/login", "/api/v1/login", 200);
        let number = self.number;
        row.address = address(11, number);
        row.fingerprint = "0123456789abcdef".into();
        row.account_hash = format!("{:016x}", 0xA000_0000_u64 + u64::from(number)).into();
        row.password_hash = format!("{:016x}", 0xB000_0000_u64 + u64::from(number)).into();
        row
    }

    /// A try of a campaign that shares its tool and nothing else.
    fn stuffing(&mut self) -> Box<EventRow> {
        let mut row = self.row("POST", "/api/v1/login", "/api/v1/login", 401);
        let number = self.number;
        row.address = address(12, number % CAMPAIGN_NETWORKS);
        row.asn = 65_000 + number % CAMPAIGN_NETWORKS;
        row.fingerprint = "feedfeedfeedfeed".into();
        row.ja4 = "t13d191000_feedfeedfeed".into();
        row.user_agent = "okhttp/4.9.3".into();
        row.account_hash = format!("{:016x}", 0xC000_0000_u64 + u64::from(number)).into();
        row.password_hash = format!("{:016x}", 0xD000_0000_u64 + u64::from(number)).into();
        row
    }
}

fn address(first: u8, number: u32) -> MappedAddress {
    let [_, b, c, d] = number.to_be_bytes();
    MappedAddress(Ipv4Addr::new(first, b, c, d).to_ipv6_mapped())
}
