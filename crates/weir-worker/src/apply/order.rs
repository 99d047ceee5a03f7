//! What the order of the rules before and after the tree adds to the hash of the tables, as
//! [`weir_control::declared::Declared::order`] has it for main.

use std::rc::Rc;

use weir_control::declared::{Named, joined};
use weir_control::state::{Frontend, Position};
use weir_route::{Rule, Table};

use crate::tables::Route;

/// Of the place of one rule between its neighbours; 0 when it is not there, or in the tree.
pub(super) fn around(routes: &Table<Rc<Route>>, rule: &Rule) -> u64 {
    let Some((before, this, after)) = routes.neighbours(rule) else { return 0 };
    joined(before.map(|r| &r.frontend), Some(&this.frontend), after.map(|r| &r.frontend))
}

/// Of all rules.
pub(super) fn of_all(routes: &Table<Rc<Route>>) -> u64 {
    let listed = routes.iter().filter(|(rule, _)| rule.position != Position::Tree);
    let mut before: Option<&Frontend> = None;
    let links = listed.map(|(_, route)| {
        let next = &route.frontend;
        let same = before.replace(next).filter(|before| before.position == next.position);
        same.map_or(0, |before| before.link(next))
    });
    links.fold(0, u64::wrapping_add)
}
