//! The paths and methods of one host of the tree.

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
    equals: Vec<(Box<[u8]>, Methods<T>)>,
    /// By prefix.
    prefixes: Vec<(Box<[u8]>, Methods<T>)>,
    /// The longest expression first, then by text.
    regexes: Vec<(Box<[u8]>, Methods<T>)>,
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { equals: Vec::new(), prefixes: Vec::new(), regexes: Vec::new() }
    }
}

impl<T> Node<T> {
    pub(crate) fn is_empty(&self) -> bool {
        self.equals.is_empty() && self.prefixes.is_empty() && self.regexes.is_empty()
    }

    /// Adds a route; returns the value of the one it replaces.
    pub(crate) fn insert(&mut self, entry: Entry<T>) -> Option<T> {
        let (list, text, find) = self.list(&entry.rule.path);
        let at = match find(list, text.as_bytes()) {
            Ok(at) => at,
            Err(at) => {
                list.insert(at, (text.as_bytes().into(), Vec::with_capacity(1)));
                at
            }
        };
        let methods = &mut list[at].1;
        if let Some(old) = methods.iter_mut().find(|old| old.rule.method == entry.rule.method) {
            return Some(std::mem::replace(old, entry).value);
        }
        // Those with a method come first: they are more specific.
        if entry.rule.method.is_some() {
            methods.insert(0, entry)
        } else {
            methods.push(entry)
        }
        None
    }

    pub(crate) fn remove(&mut self, rule: &Rule) -> Option<T> {
        let (list, text, find) = self.list(&rule.path);
        let at = find(list, text.as_bytes()).ok()?;
        let methods = &mut list[at].1;
        let found = methods.iter().position(|entry| entry.rule.method == rule.method)?;
        let entry = methods.remove(found);
        if methods.is_empty() {
            list.remove(at);
        }
        Some(entry.value)
    }

    /// The most specific route for a path and method.
    pub(crate) fn lookup(&self, path: &[u8], method: &[u8]) -> Option<&Entry<T>> {
        let equal = by_text(&self.equals, path).ok();
        equal
            .and_then(|at| for_method(&self.equals[at].1, method))
            .or_else(|| self.longest_prefix(path, method))
            .or_else(|| {
                self.regexes.iter().find_map(|(_, methods)| {
                    let fits = matches!(methods.first().map(|e| &e.pattern.path),
                        Some(PathPattern::Regex(regex)) if regex.is_match(path));
                    fits.then(|| for_method(methods, method)).flatten()
                })
            })
    }

    /// Walks from the longest possible prefix to shorter ones, by binary search.
    fn longest_prefix(&self, path: &[u8], method: &[u8]) -> Option<&Entry<T>> {
        let mut key = path;
        let mut end = self.prefixes.len();
        loop {
            end = self.prefixes[..end].partition_point(|(prefix, _)| &**prefix <= key);
            let (prefix, methods) = &self.prefixes[..end].last()?;
            let common = common_len(prefix, path);
            if common == prefix.len() {
                if let Some(entry) = for_method(methods, method) {
                    return Some(entry);
                }
                end -= 1;
            }
            key = &path[..common];
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Entry<T>> {
        let lists = [&self.equals, &self.prefixes, &self.regexes];
        lists.into_iter().flatten().flat_map(|(_, methods)| methods)
    }

    /// The list that a path belongs to, its text and how the list is searched.
    #[expect(clippy::type_complexity, reason = "private, and used twice")]
    fn list<'a>(
        &mut self,
        path: &'a PathRule,
    ) -> (
        &mut Vec<(Box<[u8]>, Methods<T>)>,
        &'a str,
        fn(&[(Box<[u8]>, Methods<T>)], &[u8]) -> Result<usize, usize>,
    ) {
        match path {
            PathRule::Equals(text) => (&mut self.equals, text, by_text),
            PathRule::Prefix(text) => (&mut self.prefixes, text, by_text),
            PathRule::Regex(text) => (&mut self.regexes, text, by_length),
        }
    }
}

fn by_text<V>(list: &[(Box<[u8]>, V)], text: &[u8]) -> Result<usize, usize> {
    list.binary_search_by(|(known, _)| (**known).cmp(text))
}

fn by_length<V>(list: &[(Box<[u8]>, V)], text: &[u8]) -> Result<usize, usize> {
    list.binary_search_by(|(known, _)| {
        text.len().cmp(&known.len()).then_with(|| (**known).cmp(text))
    })
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
