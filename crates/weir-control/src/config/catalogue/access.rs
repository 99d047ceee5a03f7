//! Keys of lists of addresses, and those that name them.

use super::optional;
use super::{Key, Kind, Section};

/// A table of `[lists]`.
pub(in super::super) static LIST: Section = Section {
    name: "a list",
    heading: "`[lists.<name>]`",
    keys: &[
        optional("addresses", Kind::Texts, "Blocks, as `192.0.2.0/24`, and addresses."),
        optional(
            "file",
            Kind::Text,
            "Path of a file with others, one a line; `#` begins a remark.",
        ),
    ],
    later: &[],
};

/// Who is served, and nobody else.
pub(super) const ALLOW: Key =
    optional("allow", Kind::Texts, "Names of lists: whoever is in none of them is not served.");
/// Who is not.
pub(super) const DENY: Key =
    optional("deny", Kind::Texts, "Names of lists: whoever is in one of them is not served.");
/// Who may speak for others.
pub(super) const PROXY_FROM: Key = optional(
    "proxy_from",
    Kind::Texts,
    "With `expect_proxy`, names of lists: connections of whoever is in none of them are closed.",
);
