//! What a route matches, as it is written in a configuration.

use serde::{Deserialize, Serialize};

/// How a path is matched, without its query.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PathRule {
    /// Starts with; the empty prefix matches everything.
    Prefix(String),
    /// Is exactly.
    Equals(String),
    /// Contains a match of this regular expression.
    Regex(String),
}

/// Where a frontend stands in the routing table.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Position {
    /// Before the tree, in order of declaration.
    Pre,
    /// In the tree: the most specific wins whatever the order.
    #[default]
    Tree,
    /// After the tree, in order of declaration.
    Post,
}

/// What one route matches.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rule {
    /// Literal, `*.suffix`, `*`, or labels with `/regex/`; lower case.
    pub host: String,
    /// Path rule.
    pub path: PathRule,
    /// Method, or any.
    pub method: Option<String>,
    /// Section of the table.
    pub position: Position,
}
