//! Fields that every connection knows, RFC 7541 appendix A.

use super::hash::hash_name;

/// From index 1; those of one name stand side by side.
const FIELDS: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];

/// The first index of the table that a connection fills.
pub(super) const DYNAMIC: usize = FIELDS.len() + 1;

/// Places of names by their hash. Of 52 names in 256 places few want the same one.
const SLOTS: usize = 256;

/// By the hash of a name: the first index with it, in its place or in one of the next, before one
/// that is zero.
static BY_NAME: [u8; SLOTS] = {
    let mut slots = [0; SLOTS];
    let mut index = 1;
    while index < DYNAMIC {
        let name = FIELDS[index - 1].0;
        let mut at = slot(hash_name(name));
        while slots[at] != 0 && !same(FIELDS[slots[at] as usize - 1].0, name) {
            at = (at + 1) % SLOTS;
        }
        if slots[at] == 0 {
            slots[at] = index as u8;
        }
        index += 1;
    }
    slots
};

const fn slot(hash: u64) -> usize {
    (hash >> 32) as usize % SLOTS
}

const fn same(one: &[u8], other: &[u8]) -> bool {
    let mut at = 0;
    while at < one.len() && at < other.len() && one[at] == other[at] {
        at += 1;
    }
    at == one.len() && at == other.len()
}

/// The field of an index, which begin at 1.
pub(super) fn get(index: usize) -> Option<(&'static [u8], &'static [u8])> {
    FIELDS.get(index.checked_sub(1)?).copied()
}

/// The first index with that name, whose hash is `hash`.
pub(super) fn find(hash: u64, name: &[u8]) -> Option<usize> {
    let mut at = slot(hash);
    loop {
        let index = usize::from(BY_NAME[at]);
        let (known, _) = get(index)?;
        if known == name {
            return Some(index);
        }
        at = (at + 1) % SLOTS;
    }
}

/// The index with that value, of those that have the name of `first`.
pub(super) fn with_value(first: usize, value: &[u8]) -> Option<usize> {
    let (name, known) = get(first)?;
    if known == value {
        return Some(first);
    }
    if known.is_empty() {
        // A name with values has one from its first field on.
        return None;
    }
    let others = FIELDS[first..].iter().take_while(|(other, _)| *other == name);
    others.zip(first + 1..).find(|((_, known), _)| *known == value).map(|(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_those_of_the_rfc() {
        let lines = include_str!("data/static.txt").lines().filter(|line| !line.starts_with('#'));
        let lines: Vec<&str> = lines.collect();
        assert_eq!(lines.len(), FIELDS.len());
        for (line, (index, (name, value))) in lines.iter().zip((1..).zip(FIELDS)) {
            let known = format!("{index} {} {}", name.escape_ascii(), value.escape_ascii());
            assert_eq!(known.trim_end(), *line);
        }
    }

    #[test]
    fn every_field_is_found() {
        for index in 1..DYNAMIC {
            let (name, value) = get(index).unwrap();
            let first = find(hash_name(name), name).unwrap();
            assert_eq!(get(first).unwrap().0, name);
            assert!(first == 1 || get(first - 1).unwrap().0 != name);
            assert_eq!(with_value(first, value), Some(index));
        }
        assert_eq!((get(0), get(DYNAMIC)), (None, None));
        assert_eq!((find(hash_name(b"x"), b"x"), with_value(8, b"302")), (None, None));
    }

    #[test]
    fn a_search_is_short() {
        let taken = |at: usize| BY_NAME[at % SLOTS] != 0;
        let longest = (0..SLOTS).map(|from| (from..).take_while(|at| taken(*at)).count()).max();
        assert!(longest <= Some(6), "{longest:?}");
    }
}
