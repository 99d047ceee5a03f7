//! Prefixes of numbers, in a binary tree without nodes that have one child and mean nothing.
//!
//! Must not know: addresses.
//!
//! Invariants: there are fewer than twice as many nodes as members; a node's prefix begins with
//! that of its parent; a node that is no member has two children.

/// A number whose first bits are looked at.
pub(super) trait Bits: Copy + Eq {
    /// How many it has.
    const WIDTH: u8;

    /// One of them, from the first on.
    fn bit(self, at: u8) -> usize;

    /// How many first bits are the same.
    fn common(self, other: Self) -> u8;

    /// The first bits, zeros behind them.
    fn first(self, len: u8) -> Self;
}

macro_rules! bits {
    ($type:ty) => {
        impl Bits for $type {
            const WIDTH: u8 = <$type>::BITS as u8;

            fn bit(self, at: u8) -> usize {
                usize::from(self >> (Self::WIDTH - 1 - at) & 1 == 1)
            }

            fn common(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            fn first(self, len: u8) -> Self {
                self & !<$type>::MAX.checked_shr(len.into()).unwrap_or(0)
            }
        }
    };
}

bits!(u32);
bits!(u128);

/// No node.
const NONE: u32 = u32::MAX;

#[derive(Clone, Copy, Debug)]
struct Node<T> {
    prefix: T,
    children: [u32; 2],
    len: u8,
    member: bool,
}

/// Where the number of a node stands.
#[derive(Clone, Copy)]
enum Link {
    Root,
    Child(u32, usize),
}

/// A set of prefixes.
#[derive(Clone, Debug)]
pub(super) struct Trie<T> {
    nodes: Vec<Node<T>>,
    /// Nodes that are not in use.
    free: Vec<u32>,
    root: u32,
}

impl<T> Default for Trie<T> {
    fn default() -> Self {
        Self { nodes: Vec::new(), free: Vec::new(), root: NONE }
    }
}

impl<T: Bits> Trie<T> {
    /// Memory for each member, at most: two nodes, in a vector that may have just grown.
    pub(super) const MEMBER_BYTES: usize = 4 * size_of::<Node<T>>();

    pub(super) fn is_empty(&self) -> bool {
        self.root == NONE
    }

    /// Bytes that it holds.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<Node<T>>() + self.free.capacity() * size_of::<u32>()
    }

    /// True if a member is a prefix of `number`.
    pub(super) fn covers(&self, number: T) -> bool {
        let mut at = self.root;
        while let Some(node) = self.nodes.get(at as usize) {
            if node.prefix.common(number) < node.len {
                return false;
            }
            if node.member {
                return true;
            }
            at = node.children[number.bit(node.len)];
        }
        false
    }

    /// Adds the first `len` bits of `prefix`; false if they are a member already.
    pub(super) fn insert(&mut self, prefix: T, len: u8) -> bool {
        let mut link = Link::Root;
        loop {
            let at = self.at(link);
            let Some(node) = self.nodes.get_mut(at as usize) else {
                let leaf = self.make(prefix, len, [NONE, NONE], true);
                self.set(link, leaf);
                return true;
            };
            let same = node.prefix.common(prefix).min(node.len).min(len);
            if same == node.len && same == len {
                return !std::mem::replace(&mut node.member, true);
            }
            if same == node.len {
                link = Link::Child(at, prefix.bit(same));
                continue;
            }
            let side = node.prefix.bit(same);
            let mut children = [NONE, NONE];
            children[side] = at;
            if same < len {
                children[1 - side] = self.make(prefix, len, [NONE, NONE], true);
            }
            let above = self.make(prefix.first(same), same, children, same == len);
            self.set(link, above);
            return true;
        }
    }

    /// Removes the first `len` bits of `prefix`; false if they are no member.
    pub(super) fn remove(&mut self, prefix: T, len: u8) -> bool {
        let (mut above, mut link) = (Link::Root, Link::Root);
        loop {
            let at = self.at(link);
            let Some(node) = self.nodes.get_mut(at as usize) else { return false };
            if node.prefix.common(prefix) < node.len || node.len > len {
                return false;
            }
            if node.len < len {
                above = link;
                link = Link::Child(at, prefix.bit(node.len));
                continue;
            }
            if !std::mem::replace(&mut node.member, false) {
                return false;
            }
            self.tidy(link);
            self.tidy(above);
            return true;
        }
    }

    /// Takes a node out that means nothing.
    fn tidy(&mut self, link: Link) {
        let at = self.at(link);
        let Some(node) = self.nodes.get(at as usize).copied() else { return };
        let [left, right] = node.children;
        if node.member || (left != NONE && right != NONE) {
            return;
        }
        self.set(link, if left == NONE { right } else { left });
        self.free.push(at);
    }

    fn at(&self, link: Link) -> u32 {
        match link {
            Link::Root => self.root,
            Link::Child(parent, side) => self.nodes[parent as usize].children[side],
        }
    }

    fn set(&mut self, link: Link, to: u32) {
        match link {
            Link::Root => self.root = to,
            Link::Child(parent, side) => self.nodes[parent as usize].children[side] = to,
        }
    }

    fn make(&mut self, prefix: T, len: u8, children: [u32; 2], member: bool) -> u32 {
        let node = Node { prefix: prefix.first(len), children, len, member };
        if let Some(at) = self.free.pop() {
            self.nodes[at as usize] = node;
            return at;
        }
        self.nodes.push(node);
        (self.nodes.len() - 1) as u32
    }

    #[cfg(test)]
    pub(super) fn in_use(&self) -> usize {
        self.nodes.len() - self.free.len()
    }
}
