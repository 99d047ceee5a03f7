//! Values by the text of a path.
//!
//! Invariant: finding, inserting and removing cost no more than a bounded list or the logarithm of
//! the number of paths; a single path takes no more memory than it needs.

use std::collections::BTreeMap;
use std::ops::Bound;

/// The longest list: beyond, moving its end costs more than a tree does.
const LONGEST_LIST: usize = 64;

type Text = Box<[u8]>;

/// The values.
pub(crate) enum Paths<V> {
    /// In order.
    Few(Vec<(Text, V)>),
    Many(BTreeMap<Text, V>),
}

impl<V> Default for Paths<V> {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl<V: Default> Paths<V> {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Few(list) => list.is_empty(),
            Self::Many(tree) => tree.is_empty(),
        }
    }

    pub(crate) fn get(&self, text: &[u8]) -> Option<&V> {
        match self {
            Self::Few(list) => find(list, text).ok().map(|at| &list[at].1),
            Self::Many(tree) => tree.get(text),
        }
    }

    pub(crate) fn get_mut(&mut self, text: &[u8]) -> Option<&mut V> {
        match self {
            Self::Few(list) => find(list, text).ok().map(|at| &mut list[at].1),
            Self::Many(tree) => tree.get_mut(text),
        }
    }

    /// The value of a path, made if there is none.
    pub(crate) fn entry(&mut self, text: &[u8]) -> &mut V {
        if let Self::Few(list) = self
            && list.len() == LONGEST_LIST
        {
            *self = Self::Many(std::mem::take(list).into_iter().collect());
        }
        match self {
            Self::Few(list) => {
                let at = find(list, text).unwrap_or_else(|at| {
                    grow(list);
                    list.insert(at, (text.into(), V::default()));
                    at
                });
                &mut list[at].1
            }
            Self::Many(tree) => tree.entry(text.into()).or_default(),
        }
    }

    pub(crate) fn remove(&mut self, text: &[u8]) {
        match self {
            Self::Few(list) => {
                if let Ok(at) = find(list, text) {
                    list.remove(at);
                }
            }
            Self::Many(tree) => _ = tree.remove(text),
        }
    }

    /// The last path, in the order of bytes, up to a bound.
    pub(crate) fn last(&self, bound: Bound<&[u8]>) -> Option<(&[u8], &V)> {
        match self {
            Self::Few(list) => {
                let end = list.partition_point(|(text, _)| match bound {
                    Bound::Included(bound) => **text <= *bound,
                    Bound::Excluded(bound) => **text < *bound,
                    Bound::Unbounded => true,
                });
                list[..end].last().map(|(text, value)| (&**text, value))
            }
            Self::Many(tree) => {
                let mut range = tree.range::<[u8], _>((Bound::Unbounded, bound));
                range.next_back().map(|(text, value)| (&**text, value))
            }
        }
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        let (list, tree) = match self {
            Self::Few(list) => (&list[..], None),
            Self::Many(tree) => (&[][..], Some(tree)),
        };
        let tree = tree.into_iter().flat_map(BTreeMap::values);
        list.iter().map(|(_, value)| value).chain(tree)
    }
}

/// Makes room for one: most lists have one, and a vector begins with room for four.
pub(crate) fn grow<V>(list: &mut Vec<V>) {
    if list.len() == list.capacity() {
        list.reserve_exact(list.len().max(1));
    }
}

fn find<V>(list: &[(Text, V)], text: &[u8]) -> Result<usize, usize> {
    list.binary_search_by(|(known, _)| (**known).cmp(text))
}
