//! The tags of a frontend, as records show them.

use std::ops::Range;

/// Keys and values, made once and shown often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TagList {
    /// `key=value` joined by `, `.
    text: Box<str>,
    /// Where keys and values are in it.
    places: Box<[(Range<usize>, Range<usize>)]>,
}

impl TagList {
    /// Of pairs of key and value; `None` when there are none.
    pub fn new<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        let (mut text, mut places) = (String::new(), Vec::new());
        for (key, value) in tags {
            if !text.is_empty() {
                text.push_str(", ");
            }
            let start = text.len();
            text.push_str(key);
            let middle = text.len();
            text.push('=');
            text.push_str(value);
            places.push((start..middle, middle + 1..text.len()));
        }
        let list = Self { text: text.into(), places: places.into() };
        (!list.places.is_empty()).then_some(list)
    }

    /// `key=value` joined by `, `.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Keys and values, as many as have room in `max` bytes.
    pub(super) fn pairs(&self, max: usize) -> impl Iterator<Item = (&[u8], &[u8])> {
        let text = self.text.as_bytes();
        let fitting = self.places.iter().take_while(move |(_, value)| value.end <= max);
        fitting.map(|(key, value)| (&text[key.clone()], &text[value.clone()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_joined_and_found_again() {
        let list = TagList::new([("a", "b"), ("c", "d e, f=g")]).expect("tags");
        assert_eq!(list.text(), "a=b, c=d e, f=g");
        let pairs: Vec<_> = list.pairs(99).collect();
        assert_eq!(pairs, [(&b"a"[..], &b"b"[..]), (b"c", b"d e, f=g")]);
        assert_eq!(list.pairs(10).count(), 1);
        assert_eq!(TagList::new([]), None);
    }
}
