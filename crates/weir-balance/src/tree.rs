//! A binary tree over places: who of those in them has the earliest turn, and in whose part of the
//! sum of all weights a number lies.
//!
//! Must not know: what is in the places. Changing one costs a path to the root; nothing else is
//! looked at. Invariant: a node has the sum and the earliest turn of the two below it; of equal
//! turns the one of the lower number is earlier, wherever it is.

/// What is known of a place, or of all places below a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    /// The earliest turn.
    turn: u64,
    /// Whose turn that is.
    who: u32,
    /// Sum of the weights.
    sum: u32,
}

impl Node {
    const EMPTY: Self = Self { turn: u64::MAX, who: u32::MAX, sum: 0 };

    fn of(left: Self, right: Self) -> Self {
        let earlier = if (right.turn, right.who) < (left.turn, left.who) { right } else { left };
        Self { sum: left.sum + right.sum, ..earlier }
    }
}

/// The tree; a place that was never set is empty.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    /// The root is the first node, the nodes below node `n` are `2n` and `2n + 1`; the second half
    /// are the places.
    nodes: Vec<Node>,
}

impl Tree {
    fn places(&self) -> usize {
        self.nodes.len() / 2
    }

    fn leaf(&self, place: usize) -> Node {
        self.nodes.get(self.places() + place).copied().unwrap_or(Node::EMPTY)
    }

    fn root(&self) -> Node {
        self.nodes.get(1).copied().unwrap_or(Node::EMPTY)
    }

    /// Who has the earliest turn; `u32::MAX` when all places are empty.
    pub(crate) fn first(&self) -> u32 {
        self.root().who
    }

    /// The weight at a place.
    pub(crate) fn weight(&self, place: usize) -> u32 {
        self.leaf(place).sum
    }

    /// Sum of all weights.
    pub(crate) fn sum(&self) -> u32 {
        self.root().sum
    }

    /// The place that has the `number`-th part of the sum, which must be below the sum.
    pub(crate) fn find(&self, number: u32) -> usize {
        let (mut node, mut left) = (1, number);
        while node < self.places() {
            node *= 2;
            let sum = self.nodes[node].sum;
            if left >= sum {
                left -= sum;
                node += 1;
            }
        }
        node - self.places()
    }

    /// Puts somebody in a place. Sums must fit 32 bits.
    pub(crate) fn set(&mut self, place: usize, who: u32, weight: u32, turn: u64) {
        while place >= self.places() {
            self.grow();
        }
        self.put(place, Node { turn, who, sum: weight });
    }

    /// Changes the turn at a place that was set.
    pub(crate) fn set_turn(&mut self, place: usize, turn: u64) {
        self.put(place, Node { turn, ..self.leaf(place) });
    }

    /// Empties a place.
    pub(crate) fn clear(&mut self, place: usize) {
        self.put(place, Node::EMPTY);
    }

    fn put(&mut self, place: usize, leaf: Node) {
        let mut node = self.places() + place;
        let Some(slot) = self.nodes.get_mut(node) else { return };
        *slot = leaf;
        while node > 1 {
            node /= 2;
            self.nodes[node] = Node::of(self.nodes[2 * node], self.nodes[2 * node + 1]);
        }
    }

    fn grow(&mut self) {
        let places = (2 * self.places()).max(2);
        let mut nodes = vec![Node::EMPTY; places];
        nodes.extend_from_slice(&self.nodes[self.places()..]);
        nodes.resize(2 * places, Node::EMPTY);
        for node in (1..places).rev() {
            nodes[node] = Node::of(nodes[2 * node], nodes[2 * node + 1]);
        }
        self.nodes = nodes;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_empty_tree_has_nothing() {
        let mut tree = Tree::default();
        tree.clear(3);
        assert_eq!((tree.first(), tree.sum(), tree.weight(7)), (u32::MAX, 0, 0));
    }

    proptest! {
        #[test]
        fn it_is_a_list(
            steps in prop::collection::vec((0..40_usize, 0..5_u32, 0..6_u64, 0..3_u8), 1..200),
        ) {
            let mut tree = Tree::default();
            let mut list = [None::<(u32, u64)>; 40];
            for (place, weight, turn, what) in steps {
                match (what, &mut list[place]) {
                    (0, there) => {
                        *there = None;
                        tree.clear(place);
                    }
                    (1, Some((_, old))) => {
                        *old = turn;
                        tree.set_turn(place, turn);
                    }
                    (_, there) => {
                        *there = Some((weight, turn));
                        tree.set(place, 40 - place as u32, weight, turn);
                    }
                }
                let there = || list.iter().enumerate().filter_map(|(i, it)| Some((i, (*it)?)));
                let first = there().map(|(place, (_, turn))| (turn, 40 - place as u32)).min();
                prop_assert_eq!(tree.first(), first.map_or(u32::MAX, |(_, who)| who));
                let times = |(place, (weight, _))| (0..weight).map(move |_| place);
                let spread: Vec<_> = there().flat_map(times).collect();
                prop_assert_eq!(tree.sum() as usize, spread.len());
                let found: Vec<_> = (0..tree.sum()).map(|number| tree.find(number)).collect();
                prop_assert_eq!(found, spread);
            }
        }
    }
}
