//! Fields that every table begins with, RFC 7541 appendix A.

/// From index 1.
pub(super) const STATIC: [(&[u8], &[u8]); 61] = [
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
pub(super) const DYNAMIC: usize = STATIC.len() + 1;

/// An entry by its index.
pub(super) fn get(index: usize) -> Option<(&'static [u8], &'static [u8])> {
    STATIC.get(index.checked_sub(1)?).copied()
}

/// The index of a field, and whether its value is the same.
pub(super) fn find(name: &[u8], value: &[u8]) -> Option<(usize, bool)> {
    let (first, last) = range(name)?;
    let same = (first..=last).find(|index| get(*index).is_some_and(|(_, known)| known == value));
    Some(same.map_or((first, false), |index| (index, true)))
}

/// The entries with a name, which stand side by side.
fn range(name: &[u8]) -> Option<(usize, usize)> {
    let one = |index| Some((index, index));
    match name {
        b":authority" => one(1),
        b":method" => Some((2, 3)),
        b":path" => Some((4, 5)),
        b":scheme" => Some((6, 7)),
        b":status" => Some((8, 14)),
        _ if name.starts_with(b"accept") => {
            one((15..20).find(|index| get(*index).is_some_and(|(known, _)| known == name))?)
        }
        // From here on the names are in order.
        _ => {
            let rest = &STATIC[19..];
            let at = rest.binary_search_by(|(known, _)| (*known).cmp(name)).ok()?;
            one(20 + at)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_found() {
        for index in 1..DYNAMIC {
            let (name, value) = get(index).unwrap();
            assert_eq!(find(name, value), Some((index, true)));
        }
        assert_eq!((get(0), get(62)), (None, None));
        assert_eq!(find(b":status", b"302"), Some((8, false)));
        assert_eq!((find(b"date", b"x"), find(b"x", b"")), (Some((33, false)), None));
    }
}
