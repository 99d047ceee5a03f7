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

/// Methods that are known whatever their case.
const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

impl Rule {
    /// The rule without what makes no difference: two rules that match the same because they differ
    /// only there have one form, which is their identity.
    pub fn canonical(mut self) -> Self {
        self.host = canonical_host(&self.host);
        self.method = self.method.map(canonical_method);
        self
    }
}

/// In lower case outside expressions, and without a final dot.
fn canonical_host(text: &str) -> String {
    let text = text.strip_suffix('.').filter(|name| !name.is_empty()).unwrap_or(text);
    let mut in_expression = false;
    let lower = |c: char| {
        in_expression ^= c == '/';
        if in_expression { c } else { c.to_ascii_lowercase() }
    };
    text.chars().map(lower).collect()
}

/// Methods count with their case (RFC 9110 §9.1), but nobody means `get` to differ from `GET`.
fn canonical_method(text: String) -> String {
    let known = METHODS.iter().find(|method| method.eq_ignore_ascii_case(&text));
    known.map_or(text, |method| (*method).to_owned())
}
