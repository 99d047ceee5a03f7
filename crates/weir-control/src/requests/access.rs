//! Lists of addresses, and who is served by them.

use std::ops::Bound;

use weir_base::Cidr;
use weir_proto::{
    Access as Message, AddressList, AddressListQuery, AddressLists, ChangeAddressList, ProxySources,
};

use super::Refusal;
use crate::change::frontend_name;
use crate::check;
use crate::order::{self, ListOrder, Order};
use crate::state::{Access, State};

/// Blocks in an answer, at most.
const PAGE: usize = 10_000;

pub(super) fn change(state: &State, wanted: &ChangeAddressList) -> Result<Vec<Order>, Refusal> {
    let name = &wanted.name;
    check::list(state, name, wanted.add.len())?;
    let blocks = |texts: &[String]| {
        texts.iter().map(|text| check::block(text)).collect::<Result<Vec<Cidr>, _>>()
    };
    let (mut add, remove) = (blocks(&wanted.add)?, blocks(&wanted.remove)?);
    let known = state.lists.get(name);
    if known.is_none() && add.is_empty() && !remove.is_empty() {
        return Err(format!("there is no list `{name}`").into());
    }
    let has = |block: &Cidr| known.is_some_and(|known| known.contains(block));
    if let Some(missing) = remove.iter().find(|block| !has(block)) {
        return Err(format!("list `{name}` has no block {missing}: remove what was added").into());
    }
    if let Some(both) = add.iter().find(|block| remove.contains(block)) {
        return Err(format!("{both} is to be added and removed: leave one of them out").into());
    }
    add.retain(|block| !has(block));
    add.sort_unstable();
    add.dedup();
    let orders = order::removed(name, remove.iter());
    if known.is_some() && add.is_empty() {
        return Ok(orders);
    }
    Ok(orders.into_iter().chain(order::added(name, add.iter())).collect())
}

pub(super) fn remove(state: &State, name: &str) -> Result<Vec<Order>, Refusal> {
    if !state.lists.contains_key(name) {
        return Err(format!("there is no list `{name}`").into());
    }
    let names = |access: &Access| access.names().any(|other| other == name);
    let listeners = state.listeners.values().map(|l| (l.address, l.lists().any(|n| n == name)));
    let mut listeners = listeners.chain(state.udp.values().map(|l| (l.address, names(&l.access))));
    if let Some((address, _)) = listeners.find(|(_, names)| *names) {
        return Err(
            format!("the listener on {address} names list `{name}`: change it first").into()
        );
    }
    if let Some(frontend) = state.frontends.iter().find(|frontend| names(&frontend.access)) {
        let frontend = frontend_name(&frontend.id());
        return Err(format!("frontend {frontend} names list `{name}`: remove it first").into());
    }
    Ok(vec![Order::RemoveList(name.to_owned())])
}

/// All lists, or the blocks of one.
///
/// # Errors
/// When there is no such list, or no such block.
pub fn address_lists(state: &State, query: &AddressListQuery) -> Result<AddressLists, Refusal> {
    let Some(name) = &query.name else {
        let lists = state.lists.iter().map(|(name, blocks)| {
            let size = blocks.len() as u64;
            AddressList { name: name.clone(), size, blocks: Vec::new() }
        });
        return Ok(AddressLists { lists: lists.collect() });
    };
    let Some(blocks) = state.lists.get(name) else {
        return Err(format!("there is no list `{name}`").into());
    };
    let after = query.after.as_deref().map(check::block).transpose()?;
    let after = after.map_or(Bound::Unbounded, Bound::Excluded);
    let limit = match query.limit {
        None | Some(0) => PAGE,
        Some(limit) => PAGE.min(limit as usize),
    };
    let page = blocks.range((after, Bound::Unbounded)).take(limit);
    let page = page.map(ToString::to_string).collect();
    let list = AddressList { name: name.clone(), size: blocks.len() as u64, blocks: page };
    Ok(AddressLists { lists: vec![list] })
}

/// What a message says of who is served.
pub(super) fn access(state: &State, message: Option<&Message>) -> Result<Access, Refusal> {
    let Some(Message { allow, deny }) = message else { return Ok(Access::default()) };
    let access = Access { allow: allow.clone(), deny: deny.clone() };
    check::known_lists(state, access.names())?;
    Ok(access)
}

/// The same, of a change to what held before.
pub(super) fn patch(
    state: &State,
    message: Option<&Message>,
    before: &mut Access,
) -> Result<(), Refusal> {
    if message.is_some() {
        *before = access(state, message)?;
    }
    Ok(())
}

/// The lists of a listener of who may begin with PROXY protocol headers, as a message changes them.
pub(super) fn patch_sources(
    state: &State,
    message: Option<&ProxySources>,
    before: &mut Vec<String>,
) -> Result<(), Refusal> {
    let Some(ProxySources { lists }) = message else { return Ok(()) };
    check::known_lists(state, lists.iter().map(String::as_str))?;
    before.clone_from(lists);
    Ok(())
}

/// The same, as the protocol shows them.
pub(super) fn shown_sources(lists: &[String]) -> Option<ProxySources> {
    (!lists.is_empty()).then(|| ProxySources { lists: lists.to_vec() })
}

/// Who is served, as the protocol shows it.
pub(super) fn shown(access: &Access) -> Option<Message> {
    let Access { allow, deny } = access.clone();
    (!access.is_open()).then_some(Message { allow, deny })
}

/// The requests that make the lists of a state.
pub(super) fn requests(state: &State) -> impl Iterator<Item = ChangeAddressList> {
    state.lists.iter().flat_map(|(name, blocks)| {
        let orders = order::added(name, blocks.iter()).into_iter();
        orders.filter_map(|order| match order {
            Order::List(ListOrder { name, add, .. }) => Some(ChangeAddressList {
                name,
                add: add.iter().map(ToString::to_string).collect(),
                remove: Vec::new(),
            }),
            _ => None,
        })
    })
}
