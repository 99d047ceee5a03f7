//! How many requests are served in a while: arguments of clusters and frontends.

use weir_client::proto::RateLimit;

/// Limits.
#[derive(clap::Args)]
pub(super) struct Rates {
    /// How many requests are served in a while, of TCP connections: `100`, `100/60` in sixty
    /// seconds, `100/60,burst=10,by=source-ip`; or by `header:NAME` or `cookie:NAME`. May be given
    /// again.
    #[arg(long, value_name = "REQUESTS[/SECONDS][,…]", value_parser = rate_limit)]
    rate_limit: Vec<RateLimit>,
}

impl Rates {
    /// What was said.
    pub(super) fn messages(&self) -> Vec<RateLimit> {
        self.rate_limit.clone()
    }
}

fn rate_limit(text: &str) -> Result<RateLimit, String> {
    let mut parts = text.split(',');
    let amount = parts.next().unwrap_or_default();
    let (requests, seconds) = amount.split_once('/').unwrap_or((amount, "1"));
    let (requests, seconds) = (number(requests)?, number(seconds)?);
    let mut limit = RateLimit { requests, seconds, ..RateLimit::default() };
    for part in parts {
        match part.split_once('=') {
            Some(("burst", burst)) => limit.burst = Some(number(burst)?),
            Some(("by", "source-ip")) => limit.by_source_ip = Some(true),
            Some(("by", what)) => match what.split_once(':') {
                Some(("header", name)) => limit.by_header = Some(name.to_owned()),
                Some(("cookie", name)) => limit.by_cookie = Some(name.to_owned()),
                _ => {
                    return Err(format!("by is source-ip, header:NAME or cookie:NAME, not {what}"));
                }
            },
            _ => return Err(format!("`{part}` is neither `burst=NUMBER` nor `by=…`")),
        }
    }
    Ok(limit)
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{text}` is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_number_and_what_else_is_said() {
        let plain = RateLimit { requests: 5, seconds: 1, ..RateLimit::default() };
        assert_eq!(rate_limit("5"), Ok(plain.clone()));
        let minute = RateLimit { seconds: 60, burst: Some(2), ..plain };
        assert_eq!(rate_limit("5/60,burst=2"), Ok(minute.clone()));
        let by = |text: &str| rate_limit(&format!("5/60,burst=2,by={text}"));
        let source = RateLimit { by_source_ip: Some(true), ..minute.clone() };
        let field = RateLimit { by_header: Some("X-Key".into()), ..minute.clone() };
        let cookie = RateLimit { by_cookie: Some("key".into()), ..minute };
        assert_eq!(by("source-ip"), Ok(source));
        assert_eq!([by("header:X-Key"), by("cookie:key")], [Ok(field), Ok(cookie)]);
        for bad in ["", "x", "5/", "5,burst", "5,burst=x", "5,by=name", "5,by=field:a"] {
            assert!(rate_limit(bad).is_err(), "{bad}");
        }
    }
}
