//! Why a request goes where it goes.

use std::fmt;

use crate::Rule;

/// What each section of a table said to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    pub(crate) before: Option<Rule>,
    pub(crate) node: bool,
    pub(crate) siblings: usize,
    pub(crate) tree: Option<Rule>,
    pub(crate) after: Option<Rule>,
    pub(crate) rules: usize,
}

impl Explanation {
    pub(crate) fn nothing(rules: usize) -> Self {
        Self { before: None, node: false, siblings: 0, tree: None, after: None, rules }
    }

    /// The rule that won.
    pub fn winner(&self) -> Option<&Rule> {
        self.before.as_ref().or(self.tree.as_ref()).or(self.after.as_ref())
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rule) = &self.before {
            return write!(f, "PRE: the first rule that fits is {rule}");
        }
        writeln!(f, "PRE: no rule fits")?;
        match (&self.tree, self.node) {
            (Some(rule), _) => {
                return write!(f, "TREE: of {} rules of its host, {rule} wins", self.siblings);
            }
            (None, true) => writeln!(f, "TREE: none of {} rules of its host fits", self.siblings)?,
            (None, false) => writeln!(f, "TREE: no rule has this host")?,
        }
        match &self.after {
            Some(rule) => write!(f, "POST: the first rule that fits is {rule}"),
            None => write!(f, "POST: no rule fits; of {} rules none does: 404", self.rules),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use crate::PathRule as P;
        if let Some(method) = &self.method {
            write!(f, "{method} ")?;
        }
        match &self.path {
            P::Prefix(path) => write!(f, "{}{path}…", self.host),
            P::Equals(path) => write!(f, "{}{path}", self.host),
            P::Regex(path) => write!(f, "{} ~{path}", self.host),
        }
    }
}
