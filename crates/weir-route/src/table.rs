//! The table.

use hashbrown::HashMap;

use crate::explain::Explanation;
use crate::host::{HostPattern, LONGEST, suffix_of};
use crate::list::List;
use crate::node::{Entry, Node, allows};
use crate::pattern::{Captures, Compiled};
use crate::{Position, Rule, RuleError, Usage};

type Hosts<T> = HashMap<Box<[u8]>, Node<T>, foldhash::fast::RandomState>;

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Host without port, in any case.
    pub host: &'a [u8],
    /// Path without query.
    pub path: &'a [u8],
    /// Method.
    pub method: &'a [u8],
}

/// The routes of a listener, each leading to a `T`.
pub struct Table<T> {
    before: List<T>,
    after: List<T>,
    exact: Hosts<T>,
    /// By the suffix behind `*.`.
    wildcard: Hosts<T>,
    any: Node<T>,
    /// The longest pattern first, then by text.
    regex: Vec<(Box<str>, Node<T>)>,
    len: usize,
    usage: Usage,
}

/// A route that was found.
pub struct Found<'a, T>(&'a Entry<T>);

impl<'a, T> Found<'a, T> {
    /// What it leads to.
    pub fn value(&self) -> &'a T {
        &self.0.value
    }

    /// Its rule.
    pub fn rule(&self) -> &'a Rule {
        &self.0.rule
    }

    /// What it captures of the request that it was found for. Allocates.
    pub fn captures<'r>(&self, request: &Request<'r>) -> Captures<'r> {
        self.0.pattern.captures(request)
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            before: List::default(),
            after: List::default(),
            exact: HashMap::default(),
            wildcard: HashMap::default(),
            any: Node::default(),
            regex: Vec::new(),
            len: 0,
            usage: Usage::default(),
        }
    }
}

impl<T> Table<T> {
    /// An empty table.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a route; returns the value of the one with the same rule, which it replaces.
    ///
    /// # Errors
    /// When the rule breaks the syntax, or there is no room for it; the table is unchanged.
    pub fn insert(&mut self, rule: Rule, value: T) -> Result<Option<T>, RuleError> {
        self.put(Compiled::new(rule)?, value)
    }

    /// Adds a route of a compiled rule, as [`Table::insert`].
    ///
    /// # Errors
    /// When there is no room for it; the table is unchanged.
    pub fn put(&mut self, compiled: Compiled, value: T) -> Result<Option<T>, RuleError> {
        let Compiled { rule, pattern } = compiled;
        let mut usage = self.usage;
        if let Err(full) = usage.add(&rule)
            && !self.iter().any(|(known, _)| *known == rule)
        {
            return Err(full);
        }
        let entry = Entry { rule, pattern, value };
        let replaced = match entry.rule.position {
            Position::Pre => self.before.insert(entry),
            Position::Post => self.after.insert(entry),
            Position::Tree => self.node_mut(&entry).insert(entry),
        };
        if replaced.is_none() {
            self.usage = usage;
            self.len += 1;
        }
        Ok(replaced)
    }

    /// What is used of the bounds of the table.
    pub fn usage(&self) -> Usage {
        self.usage
    }

    /// Whether there is a route of this rule. Looks at every route.
    pub fn contains(&self, rule: &Rule) -> bool {
        let rule = rule.clone().canonical();
        self.iter().any(|(known, _)| *known == rule)
    }

    /// The route of a rule, between those right before and right after it in its section. `None`
    /// when it is not there, or in the tree, where the order does not count. Looks at every route
    /// of the section.
    pub fn neighbours(&self, rule: &Rule) -> Option<(Option<&T>, &T, Option<&T>)> {
        let list = match rule.position {
            Position::Pre => &self.before,
            Position::Post => &self.after,
            Position::Tree => return None,
        };
        list.neighbours(&rule.clone().canonical())
    }

    /// Removes a route; returns its value.
    pub fn remove(&mut self, rule: &Rule) -> Option<T> {
        let rule = rule.clone().canonical();
        let removed = match rule.position {
            Position::Pre => self.before.remove(&rule),
            Position::Post => self.after.remove(&rule),
            Position::Tree => self.remove_from_tree(&rule),
        };
        if removed.is_some() {
            self.usage.remove(&rule);
            self.len -= 1;
        }
        removed
    }

    /// The route of a request.
    pub fn lookup(&self, request: &Request<'_>) -> Option<Found<'_, T>> {
        let mut lower = [0; LONGEST];
        let request = lower_case(request, &mut lower)?;
        self.before
            .lookup(&request)
            .or_else(|| {
                let node = self.node(request.host)?;
                node.lookup(request.path, request.method)
            })
            .or_else(|| self.after.lookup(&request))
            .map(Found)
    }

    /// Says which rules were looked at for a request and why one won.
    pub fn explain(&self, request: &Request<'_>) -> Explanation {
        let mut lower = [0; LONGEST];
        let Some(request) = lower_case(request, &mut lower) else {
            return Explanation::nothing(self.len);
        };
        let rule = |entry: &Entry<T>| entry.rule.clone();
        let before = self.before.lookup(&request).map(rule);
        let node = self.node(request.host);
        let siblings = node.map_or(0, |node| node.iter().count());
        let tree = node.and_then(|node| node.lookup(request.path, request.method)).map(rule);
        let after = self.after.lookup(&request).map(rule);
        Explanation { before, node: node.is_some(), siblings, tree, after, rules: self.len }
    }

    /// Every route that fits a request, whether it wins or not, the first section first.
    pub fn fitting(&self, request: &Request<'_>) -> Vec<(&Rule, &T)> {
        let mut lower = [0; LONGEST];
        let Some(request) = lower_case(request, &mut lower) else { return Vec::new() };
        let wildcard = suffix_of(request.host).and_then(|suffix| self.wildcard.get(suffix));
        let nodes = self.exact.get(request.host).into_iter().chain(wildcard);
        let nodes = nodes.chain(self.regex.iter().map(|(_, node)| node)).chain([&self.any]);
        let entries = self.before.iter().chain(nodes.flat_map(Node::iter)).chain(self.after.iter());
        let fits = |entry: &&Entry<T>| {
            allows(&entry.rule, request.method)
                && entry.pattern.host.matches(request.host)
                && entry.pattern.path.matches(request.path)
        };
        entries.filter(fits).map(|entry| (&entry.rule, &entry.value)).collect()
    }

    /// Number of routes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True when there is no route.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// All routes: `PRE`, the tree in no order, `POST`.
    pub fn iter(&self) -> impl Iterator<Item = (&Rule, &T)> {
        let hosts = self.exact.values().chain(self.wildcard.values());
        let hosts = hosts.chain([&self.any]).chain(self.regex.iter().map(|(_, node)| node));
        self.before
            .iter()
            .chain(hosts.flat_map(Node::iter))
            .chain(self.after.iter())
            .map(|entry| (&entry.rule, &entry.value))
    }

    /// The one node of the tree that is looked at for a host in lower case.
    fn node(&self, host: &[u8]) -> Option<&Node<T>> {
        self.exact
            .get(host)
            .or_else(|| self.wildcard.get(suffix_of(host)?))
            .or_else(|| self.regex.iter().map(|(_, node)| node).find(|node| is_for(node, host)))
            .or_else(|| Some(&self.any).filter(|node| !node.is_empty()))
    }

    fn node_mut(&mut self, entry: &Entry<T>) -> &mut Node<T> {
        match &entry.pattern.host {
            HostPattern::Any => &mut self.any,
            HostPattern::Exact(host) => self.exact.entry(host.clone()).or_default(),
            HostPattern::Wildcard(suffix) => self.wildcard.entry(suffix.clone()).or_default(),
            HostPattern::Labels(_) => {
                let text = &entry.rule.host;
                let at = self.find_regex(text).unwrap_or_else(|at| {
                    self.regex.insert(at, (text.as_str().into(), Node::default()));
                    at
                });
                &mut self.regex[at].1
            }
        }
    }

    fn remove_from_tree(&mut self, rule: &Rule) -> Option<T> {
        match HostPattern::compile(&rule.host).ok()? {
            HostPattern::Any => self.any.remove(rule),
            HostPattern::Exact(host) => remove_from(&mut self.exact, &host, rule),
            HostPattern::Wildcard(suffix) => remove_from(&mut self.wildcard, &suffix, rule),
            HostPattern::Labels(_) => {
                let at = self.find_regex(&rule.host).ok()?;
                let removed = self.regex[at].1.remove(rule);
                if self.regex[at].1.is_empty() {
                    self.regex.remove(at);
                }
                removed
            }
        }
    }

    fn find_regex(&self, text: &str) -> Result<usize, usize> {
        self.regex.binary_search_by(|(known, _)| {
            text.len().cmp(&known.len()).then_with(|| (**known).cmp(text))
        })
    }
}

fn remove_from<T>(hosts: &mut Hosts<T>, host: &[u8], rule: &Rule) -> Option<T> {
    let node = hosts.get_mut(host)?;
    let removed = node.remove(rule);
    if node.is_empty() {
        hosts.remove(host);
    }
    removed
}

/// All rules of a node have the same host.
fn is_for<T>(node: &Node<T>, host: &[u8]) -> bool {
    node.iter().next().is_some_and(|entry| entry.pattern.host.matches(host))
}

/// The request with its host in lower case and without a final dot; `None` when no rule can be
/// for a host of that length.
fn lower_case<'a>(request: &Request<'a>, lower: &'a mut [u8; LONGEST]) -> Option<Request<'a>> {
    let host = request.host.strip_suffix(b".").unwrap_or(request.host);
    let lower = lower.get_mut(..host.len())?;
    for (to, from) in lower.iter_mut().zip(host) {
        *to = from.to_ascii_lowercase();
    }
    Some(Request { host: lower, ..*request })
}
