//! The paths and methods of one host of the tree.

use std::ops::Bound;

use crate::paths::{Paths, grow};
use crate::pattern::{PathPattern, Pattern};
use crate::{PathRule, Rule};

/// A route: its rule, its compiled form and what it leads to.
pub(crate) struct Entry<T> {
    pub(crate) rule: Rule,
    pub(crate) pattern: Pattern,
    pub(crate) value: T,
}

/// The routes of one path, at most one for each method.
type Methods<T> = Vec<Entry<T>>;

/// The routes of one host.
pub(crate) struct Node<T> {
    /// By path.
    equals: Paths<Methods<T>>,
    /// By prefix.
    prefixes: Paths<Methods<T>>,
    /// The longest expression first, then by text.
    regexes: Vec<(Box<str>, Methods<T>)>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { equals: Paths::default(), prefixes: Paths::default(), regexes: Vec::new() }
    }
}

impl<T> Node<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.equals.is_empty() && self.prefixes.is_empty() && self.regexes.is_empty()
    }

    /// Adds a route; returns the value of the one it replaces.
    pub(crate) fn insert(&mut self, entry: Entry<T>) -> Option<T> {
        let methods = match &entry.rule.path {
            PathRule::Equals(text) => self.equals.entry(text.as_bytes()),
            PathRule::Prefix(text) => self.prefixes.entry(text.as_bytes()),
            PathRule::Regex(text) => {
                let at = self.find_regex(text).unwrap_or_else(|at| {
                    self.regexes.insert(at, (text.as_str().into(), Vec::new()));
                    at
                });
                &mut self.regexes[at].1
            }
        };
        if let Some(old) = methods.iter_mut().find(|old| old.rule.method == entry.rule.method) {
            return Some(std::mem::replace(old, entry).value);
        }
        grow(methods);
        // Those with a method come first: they are more specific.
        if entry.rule.method.is_some() {
            methods.insert(0, entry)
        } else {
            methods.push(entry)
        }
        None
    }

    pub(crate) fn remove(&mut self, rule: &Rule) -> Option<T> {
        let of_method = |methods: &mut Methods<T>| {
            let found = methods.iter().position(|entry| entry.rule.method == rule.method)?;
            Some((methods.remove(found).value, methods.is_empty()))
        };
        let remove_from = |paths: &mut Paths<Methods<T>>, text: &str| {
            let (value, was_last) = of_method(paths.get_mut(text.as_bytes())?)?;
            if was_last {
                paths.remove(text.as_bytes());
            }
            Some(value)
        };
        match &rule.path {
            PathRule::Equals(text) => remove_from(&mut self.equals, text),
            PathRule::Prefix(text) => remove_from(&mut self.prefixes, text),
            PathRule::Regex(text) => {
                let at = self.find_regex(text).ok()?;
                let (value, was_last) = of_method(&mut self.regexes[at].1)?;
                if was_last {
                    self.regexes.remove(at);
                }
                Some(value)
            }
        }
    }

    /// The most specific route for a path and method.
    pub(crate) fn lookup(&self, path: &[u8], method: &[u8]) -> Option<&Entry<T>> {
        let equal = self.equals.get(path);
        equal
            .and_then(|methods| for_method(methods, method))
            .or_else(|| self.longest_prefix(path, method))
            .or_else(|| {
                self.regexes.iter().find_map(|(_, methods)| {
                    let fits = matches!(methods.first().map(|e| &e.pattern.path),
                        Some(PathPattern::Regex(regex)) if regex.is_match(path));
                    fits.then(|| for_method(methods, method)).flatten()
                })
            })
    }

    /// Walks from the longest possible prefix to shorter ones, by search.
    fn longest_prefix(&self, path: &[u8], method: &[u8]) -> Option<&Entry<T>> {
        let mut bound = Bound::Included(path);
        loop {
            let (prefix, methods) = self.prefixes.last(bound)?;
            let common = common_len(prefix, path);
            if common < prefix.len() {
                bound = Bound::Included(&path[..common]);
                continue;
            }
            if let Some(entry) = for_method(methods, method) {
                return Some(entry);
            }
            bound = Bound::Excluded(&path[..common]);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        let regexes = self.regexes.iter().map(|(_, methods)| methods);
        self.equals.values().chain(self.prefixes.values()).chain(regexes).flatten()
    }

    fn find_regex(&self, text: &str) -> Result<usize, usize> {
        self.regexes.binary_search_by(|(known, _)| {
            text.len().cmp(&known.len()).then_with(|| (**known).cmp(text))
        })
    }
}

fn for_method<'a, T>(methods: &'a [Entry<T>], method: &[u8]) -> Option<&'a Entry<T>> {
    methods.iter().find(|entry| allows(&entry.rule, method))
}

/// Whether a rule is for this method.
pub(crate) fn allows(rule: &Rule, method: &[u8]) -> bool {
    rule.method.as_ref().is_none_or(|wanted| wanted.as_bytes() == method)
}

fn common_len(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}
