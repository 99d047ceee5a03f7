//! Keys of limits of how many requests are served in a while.

use super::health::TIMES;
use super::{Key, Kind, Section, Without};
use super::{flag, key, number, optional, required};
use crate::state::LONGEST_RATE;

/// An entry of `rate_limits`.
pub(super) static RATE_LIMIT: Section = Section {
    name: "a rate limit",
    heading: "`[[clusters.<id>.rate_limits]]`, `[[clusters.<id>.frontends.rate_limits]]`",
    keys: &[
        required("requests", TIMES, "How many are served; others are answered 429."),
        number("seconds", Kind::Number(1, LONGEST_RATE as u64), 1, "In how long."),
        key("burst", TIMES, Without::Other("`requests`"), "How many at once."),
        flag("by_source_ip", false, BY_SOURCE_IP),
        optional("by_header", Kind::Text, BY_HEADER),
        optional("by_cookie", Kind::Text, "Of one value of this cookie, likewise."),
    ],
    later: &[],
};

const BY_SOURCE_IP: &str = "Of one client address, with IPv6 of one /64, and not of all clients.";
const BY_HEADER: &str =
    "Of one value of this field; requests without it are told apart by their address.";

/// How many requests are served in a while.
pub(super) const RATE_LIMITS: Key = optional(
    "rate_limits",
    Kind::Tables(&RATE_LIMIT),
    "How many requests are served in a while, in all workers together; of `tcp`, connections.",
);
