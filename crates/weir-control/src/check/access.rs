//! Lists of addresses, and who names them.

use weir_base::Cidr;

use super::{Problem, id};
use crate::state::{MOST_BLOCKS, MOST_LISTS, State};

/// A block of a list.
pub(crate) fn block(text: &str) -> Result<Cidr, Problem> {
    let refuse = |error| Problem::new(format!("`{text}` is no block of addresses: {error}"));
    text.parse::<Cidr>().map_err(refuse)
}

/// The name of a list, and whether there is room for so many blocks more.
pub(crate) fn list(state: &State, name: &str, more: usize) -> Result<(), Problem> {
    id("a list", name)?;
    if !state.lists.contains_key(name) && state.lists.len() >= MOST_LISTS {
        return Err(Problem::new(format!("there are {MOST_LISTS} lists already, the most")));
    }
    let blocks: usize = state.lists.values().map(|blocks| blocks.len()).sum();
    match blocks + more > MOST_BLOCKS {
        true => Err(Problem::new(format!("all lists together have at most {MOST_BLOCKS} blocks"))),
        false => Ok(()),
    }
}

/// Lists that are named must be there.
pub(crate) fn known_lists<'a>(
    state: &State,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<(), Problem> {
    match names.into_iter().find(|name| !state.lists.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            let message = format!("there is no list `{name}`");
            Err(Problem::new(message).label("unknown list").help(format!(
                "make it first: `[lists.{name}]` in the file, `weir list add {name}` at run time"
            )))
        }
    }
}
