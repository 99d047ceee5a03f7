//! How many requests are served in a while.

use super::Builder;
use crate::check::{self, WrittenRate};
use crate::config::read::Reader;
use crate::state::RateLimit;

impl Builder<'_> {
    /// `rate_limits`
    pub(super) fn rate_limits(&mut self, table: &Reader<'_>) -> Vec<RateLimit> {
        let limits: Vec<_> = table
            .tables("rate_limits")
            .iter()
            .filter_map(|table| {
                let written = WrittenRate {
                    requests: table.read("requests")?,
                    seconds: table.value("seconds"),
                    burst: table.read("burst"),
                    by_source_ip: table.value("by_source_ip"),
                    by_header: table.read("by_header"),
                    by_cookie: table.read("by_cookie"),
                };
                self.accept(check::rate_limit(written), table.span.clone())
            })
            .collect();
        self.accept(check::rate_limits(&limits), table.span_of("rate_limits"));
        limits
    }
}
