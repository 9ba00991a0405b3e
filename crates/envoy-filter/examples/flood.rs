//! `flood FILTER_CONFIG RATE SECONDS CAMPAIGN_AT`: a node without an Envoy, for `benchmarks/overload.py`.
//!
//! Prints a JSON object each second, until it is ended; see `starfort::flood`.

use std::error::Error;
use std::time::Duration;

use starfort::flood::{Plan, flood};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [config, rate, seconds, campaign_at] = arguments.as_slice() else {
        return Err("usage: flood FILTER_CONFIG RATE SECONDS CAMPAIGN_AT".into());
    };
    let plan = Plan {
        rate: rate.parse()?,
        length: Duration::from_secs_f64(seconds.parse()?),
        campaign_at: Duration::from_secs_f64(campaign_at.parse()?),
    };
    match flood(config.as_bytes(), &plan, |line| println!("{line}"))? {}
}
