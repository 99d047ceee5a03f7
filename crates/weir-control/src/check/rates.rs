//! How many requests are served in a while.

use std::num::NonZeroU32;

use super::{Problem, field_name, token};
use crate::state::{Affinity, LONGEST_RATE, MOST_RATE_LIMITS, RateLimit};

/// A limit as it is written.
#[derive(Default)]
pub(crate) struct WrittenRate {
    pub(crate) requests: u32,
    pub(crate) seconds: u32,
    pub(crate) burst: Option<u32>,
    pub(crate) by_source_ip: bool,
    pub(crate) by_header: Option<String>,
    pub(crate) by_cookie: Option<String>,
}

/// A limit that lets something through.
pub(crate) fn rate_limit(written: WrittenRate) -> Result<RateLimit, Problem> {
    let WrittenRate { requests, seconds, burst, by_source_ip, by_header, by_cookie } = written;
    if !(1..=LONGEST_RATE).contains(&seconds) {
        let message = format!("a rate limit is about 1 to {LONGEST_RATE} seconds");
        return Err(Problem::new(message));
    }
    let some = |number, key| {
        let message = format!("a rate limit whose `{key}` is 0 would serve nobody");
        let problem = || Problem::new(message).help("leave the limit out to serve everybody");
        NonZeroU32::new(number).ok_or_else(problem)
    };
    let burst = some(burst.unwrap_or(requests.max(1)), "burst")?;
    let by = match (by_source_ip, by_header, by_cookie) {
        (false, None, None) => None,
        (true, None, None) => Some(Affinity::SourceIp),
        (false, Some(name), None) => {
            field_name("by_header", &name)?;
            Some(Affinity::Field(name))
        }
        (false, None, Some(name)) => {
            token("by_cookie", &name)?;
            Some(Affinity::Cookie(name))
        }
        _ => {
            let message = "a rate limit tells requests apart by one thing";
            let help = "keep one of `by_source_ip`, `by_header` and `by_cookie`, or write another \
                        limit";
            return Err(Problem::new(message).help(help));
        }
    };
    Ok(RateLimit { requests: some(requests, "requests")?, seconds, burst, by })
}

/// As many limits as there may be.
pub(crate) fn rate_limits(limits: &[RateLimit]) -> Result<(), Problem> {
    match limits.len() > MOST_RATE_LIMITS {
        true => Err(Problem::new(format!("there are at most {MOST_RATE_LIMITS} rate limits"))),
        false => Ok(()),
    }
}
