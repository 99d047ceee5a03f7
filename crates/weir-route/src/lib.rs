//! The routing table of a listener: from host, path and method to what happens.
//!
//! Must not know: the wire, clusters, what a route does (it is a parameter).
//!
//! Sections are tried in order: `PRE`, first match in order of declaration; the *tree*; `POST` like
//! `PRE`. In the tree the most specific wins whatever the order of declaration:
//!
//! 1. host: exact, then `*.suffix` (one more label), then labels with regular expressions, then
//!    `*`; the first kind that fits is the only one looked at;
//! 2. path, without the query: equal, then the longest prefix, then regular expressions;
//! 3. a rule with the request's method before one for any method.
//!
//! Invariants: looking up allocates nothing and does not depend on the number of hosts (those with
//! regular expressions aside, which are tried one by one); inserting and removing do not depend on
//! it either, nor on the number of paths of a host; hosts compare without case, also with
//! expressions; what is tried one by one is bounded in number, and an expression in memory.

mod error;
mod explain;
mod host;
mod list;
mod node;
mod paths;
mod pattern;
mod regex;
mod rule;
mod table;
mod usage;

#[cfg(test)]
mod tests;

pub use error::RuleError;
pub use explain::Explanation;
pub use pattern::{CaptureCounts, Captures, Compiled, check};
pub use regex::{MAX_REGEX_TEXT, REGEX_MEMORY};
pub use rule::{PathRule, Position, Rule};
pub use table::{Found, Request, Table};
pub use usage::{MAX_LISTED, MAX_REGEXES, Usage};
