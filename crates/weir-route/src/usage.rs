//! What a table holds of the rules that are tried one by one.

use crate::{PathRule, Position, Rule, RuleError};

/// Regular expressions of a table; in a rule, one for its path and one for each label of its host.
pub const MAX_REGEXES: usize = 1024;

/// Rules of each of the lists before and after the tree.
pub const MAX_LISTED: usize = 4096;

/// How much of its bounds a table uses, or a set of rules would.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    regexes: usize,
    before: usize,
    after: usize,
}

impl Usage {
    /// Counts a rule in.
    ///
    /// # Errors
    /// When a table with it would exceed a bound; then it is not counted.
    pub fn add(&mut self, rule: &Rule) -> Result<(), RuleError> {
        let regexes = self.regexes + rule.regexes();
        // A rule without expressions is not refused for those of others.
        if regexes > MAX_REGEXES && regexes > self.regexes {
            return Err(RuleError::TooManyRegexes);
        }
        let name = if rule.position == Position::Pre { "`PRE`" } else { "`POST`" };
        if let Some(listed) = self.list(rule.position) {
            if *listed == MAX_LISTED {
                return Err(RuleError::ListFull(name));
            }
            *listed += 1;
        }
        self.regexes = regexes;
        Ok(())
    }

    /// Counts out a rule that was counted in.
    pub fn remove(&mut self, rule: &Rule) {
        self.regexes -= rule.regexes();
        if let Some(listed) = self.list(rule.position) {
            *listed -= 1;
        }
    }

    fn list(&mut self, position: Position) -> Option<&mut usize> {
        match position {
            Position::Pre => Some(&mut self.before),
            Position::Tree => None,
            Position::Post => Some(&mut self.after),
        }
    }
}

impl Rule {
    /// Number of its regular expressions; each takes up to [`REGEX_MEMORY`](crate::REGEX_MEMORY).
    pub fn regexes(&self) -> usize {
        let labels = self.host.matches('/').count() / 2;
        labels + usize::from(matches!(self.path, PathRule::Regex(_)))
    }
}
