//! Field edits of a frontend: deletions first, then additions.

type Bytes = Box<[u8]>;

/// The edits of one direction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    deleted: Vec<Bytes>,
    added: Vec<(Bytes, Bytes)>,
}

impl Edits {
    /// From names and values; an empty value deletes all fields of the name.
    pub fn new<'a>(edits: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let mut compiled = Self::default();
        for (name, value) in edits {
            let name: Bytes = name.as_bytes().into();
            if value.is_empty() {
                compiled.deleted.push(name);
            } else {
                if is_replacing(&name) {
                    compiled.deleted.push(name.clone());
                }
                compiled.added.push((name, value.as_bytes().into()));
            }
        }
        compiled
    }

    /// Whether fields of this name are deleted.
    pub fn deletes(&self, name: &[u8]) -> bool {
        self.deleted.iter().any(|deleted| deleted.eq_ignore_ascii_case(name))
    }

    /// Names and values to add, in order.
    pub fn added(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.added.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value that replaces a field of which there can be only one.
    pub fn replacement(&self, name: &[u8]) -> Option<&[u8]> {
        let edit = self.added.iter().rev().find(|(added, _)| added.eq_ignore_ascii_case(name));
        edit.map(|(_, value)| &**value)
    }
}

/// There can be only one of these.
fn is_replacing(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"host") || name.eq_ignore_ascii_case(b"x-forwarded-host")
}
