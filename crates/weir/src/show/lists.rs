//! Lists of addresses.

use weir_client::proto::AddressLists;

use super::page::{Page, row};

/// Their sizes, or the blocks of one.
pub(super) fn list(page: &mut Page, found: &AddressLists) {
    if let [list] = &found.lists[..]
        && !list.blocks.is_empty()
    {
        return list.blocks.iter().for_each(|block| page.line(block));
    }
    let rows = found.lists.iter().map(|list| row![list.name, list.size]);
    page.table("", ["list", "blocks"], rows);
}
