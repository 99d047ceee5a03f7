//! Field edits of a route: deletions first, then additions.
//!
//! An edit with an empty value deletes all fields of its name, any other adds one; so the two
//! together replace. An edit of `Host` or `X-Forwarded-Host`, of which there can be only one,
//! always replaces. Deletions reach the forwarding fields of the proxy too, but not its
//! correlation field and sticky cookie.
//!
//! Limits: [`MOST_EDITS`] for one direction.

use crate::message::{FieldName, bytes};

/// Edits of one route and direction.
pub const MOST_EDITS: usize = 256;

type Bytes = Box<[u8]>;

/// The edits of one direction, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edits {
    host: Option<Bytes>,
    deleted: Vec<Bytes>,
    added: Vec<(Bytes, Bytes)>,
}

/// A rule that an edit breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// RFC 9110 §5.1.
    #[error("`{0}` is not a field name: write letters, digits and signs such as `-`")]
    BadName(String),
    /// RFC 9110 §5.5.
    #[error("the value for `{0}` has a control character, which no field may hold: remove it")]
    BadValue(String),
    /// The framing of a message or its connection.
    #[error("`{0}` delimits a message or steers a connection, which only the proxy does: drop it")]
    Reserved(String),
    /// RFC 9110 §7.2.
    #[error("a request cannot go without `Host`: give the edit a value")]
    HostDeleted,
    /// [`MOST_EDITS`].
    #[error("a route has more than {MOST_EDITS} edits: keep to that")]
    TooMany,
}

impl Edits {
    /// No edit.
    pub const NONE: Self = Self { host: None, deleted: Vec::new(), added: Vec::new() };

    /// From names and values.
    ///
    /// # Errors
    /// The first edit that cannot be made.
    pub fn new<'a>(edits: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, EditError> {
        let mut compiled = Self::default();
        for (at, (name, value)) in edits.into_iter().enumerate() {
            if at == MOST_EDITS {
                return Err(EditError::TooMany);
            }
            compiled.push(name, value)?;
        }
        Ok(compiled)
    }

    fn push(&mut self, name: &str, value: &str) -> Result<(), EditError> {
        let kind = check(name, value)?;
        let name: Bytes = name.as_bytes().into();
        let value: Bytes = value.as_bytes().into();
        match kind {
            FieldName::Host if value.is_empty() => return Err(EditError::HostDeleted),
            FieldName::Host => self.host = Some(value),
            _ if value.is_empty() => self.deleted.push(name),
            FieldName::XForwardedHost => {
                self.added.retain(|(added, _)| !added.eq_ignore_ascii_case(&name));
                self.deleted.push(name.clone());
                self.added.push((name, value));
            }
            _ => self.added.push((name, value)),
        }
        Ok(())
    }

    /// Whether fields of this name are deleted.
    pub(super) fn deletes(&self, name: &[u8]) -> bool {
        self.deleted.iter().any(|deleted| deleted.eq_ignore_ascii_case(name))
    }

    /// Names and values to add, in order; never `Host`.
    pub(super) fn added(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.added.iter().map(|(name, value)| (&**name, &**value))
    }

    /// The value of `Host`, when it is replaced; it means nothing in a response.
    pub(super) fn host(&self) -> Option<&[u8]> {
        self.host.as_deref()
    }
}

fn check(name: &str, value: &str) -> Result<FieldName, EditError> {
    if name.is_empty() || bytes::token_end(name.as_bytes(), 0) < name.len() {
        return Err(EditError::BadName(name.to_owned()));
    }
    if value.chars().any(|c| c.is_control() && c != '\t') {
        return Err(EditError::BadValue(name.to_owned()));
    }
    let kind = FieldName::recognise(name.as_bytes());
    let is_framing = matches!(kind, FieldName::ContentLength | FieldName::Trailer);
    if is_framing || kind.is_connection_specific() {
        return Err(EditError::Reserved(name.to_owned()));
    }
    Ok(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case() {
        let edits = Edits::new([("Server", ""), ("X-A", "1")]).unwrap();
        assert!(edits.deletes(b"sERVER"));
        assert!(!edits.deletes(b"X-A"));
        assert_eq!(edits.added().collect::<Vec<_>>(), [(&b"X-A"[..], &b"1"[..])]);
    }

    #[test]
    fn the_last_of_several_hosts_counts() {
        let edits =
            [("Host", "a"), ("host", "b"), ("X-Forwarded-Host", "c"), ("x-forwarded-host", "d")];
        let edits = Edits::new(edits).unwrap();
        assert_eq!(edits.host(), Some(&b"b"[..]));
        assert_eq!(edits.added().collect::<Vec<_>>(), [(&b"x-forwarded-host"[..], &b"d"[..])]);
        assert!(edits.deletes(b"X-Forwarded-Host"));
    }

    #[test]
    fn edits_that_would_break_a_message_are_refused() {
        let error = |name, value| Edits::new([(name, value)]).unwrap_err();
        for name in ["", "a b", "a:", "é", "a\r\nb"] {
            assert_eq!(error(name, "x"), EditError::BadName(name.into()));
        }
        for value in ["a\r\nX: y", "\n", "\0", "a\u{7f}", "\u{85}"] {
            assert_eq!(error("X-A", value), EditError::BadValue("X-A".into()));
        }
        let reserved = ["content-length", "Transfer-Encoding", "Connection", "TE", "Upgrade"];
        for name in reserved.into_iter().chain(["Keep-Alive", "Proxy-Connection", "Trailer"]) {
            for value in ["", "x"] {
                assert_eq!(error(name, value), EditError::Reserved(name.into()));
            }
        }
        assert_eq!(error("Host", ""), EditError::HostDeleted);
        assert!(Edits::new([("X-A", "a\tb é")]).is_ok());
    }

    #[test]
    fn their_number_is_bounded() {
        let many = |count| Edits::new(std::iter::repeat_n(("X-A", "1"), count));
        assert!(many(MOST_EDITS).is_ok());
        assert_eq!(many(MOST_EDITS + 1), Err(EditError::TooMany));
    }
}
