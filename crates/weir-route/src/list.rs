//! The sections before and after the tree: rules in order of declaration.

use crate::node::{Entry, allows};
use crate::{Request, Rule};

/// An ordered list; the first rule that fits wins.
pub(crate) struct List<T>(Vec<Entry<T>>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> List<T> {
    pub(crate) fn insert(&mut self, entry: Entry<T>) -> Option<T> {
        match self.0.iter_mut().find(|old| old.rule == entry.rule) {
            Some(old) => Some(std::mem::replace(old, entry).value),
            None => {
                self.0.push(entry);
                None
            }
        }
    }

    pub(crate) fn remove(&mut self, rule: &Rule) -> Option<T> {
        let at = self.0.iter().position(|entry| entry.rule == *rule)?;
        Some(self.0.remove(at).value)
    }

    /// The value of a rule, between those right before and right after it.
    pub(crate) fn neighbours(&self, rule: &Rule) -> Option<(Option<&T>, &T, Option<&T>)> {
        let at = self.0.iter().position(|entry| entry.rule == *rule)?;
        let value = |at: usize| self.0.get(at).map(|entry| &entry.value);
        Some((at.checked_sub(1).and_then(value), value(at)?, value(at + 1)))
    }

    /// `request.host` is in lower case.
    pub(crate) fn lookup(&self, request: &Request<'_>) -> Option<&Entry<T>> {
        self.0.iter().find(|entry| {
            allows(&entry.rule, request.method)
                && entry.pattern.host.matches(request.host)
                && entry.pattern.path.matches(request.path)
        })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        self.0.iter()
    }
}
