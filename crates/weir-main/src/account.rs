//! What became of the connections of a worker that finishes, by kind.

use std::fmt;

use serde::{Deserialize, Serialize};
use weir_control::channel::{Kind, Kinds};

/// The account. Another image of main may have had less in its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Account {
    /// Others got them.
    given: Kinds,
    /// Connections to backends that others got.
    backs: usize,
    /// They have ended in their own time.
    ended: Kinds,
    /// Their time was over, or nobody took them.
    cut_off: Kinds,
}

impl Account {
    /// Another worker got one.
    pub(crate) fn give(&mut self, kind: Kind, tls: bool) {
        self.given.count(kind, tls);
    }

    /// How many others got.
    pub(crate) fn given(&self) -> usize {
        self.given.total()
    }

    /// Another worker got a connection to a backend.
    pub(crate) fn give_back(&mut self) {
        self.backs += 1;
    }

    /// How many of those others got.
    pub(crate) fn backs(&self) -> usize {
        self.backs
    }

    /// Nobody takes one.
    pub(crate) fn lose(&mut self, kind: Kind, tls: bool) {
        self.cut_off.count(kind, tls);
    }

    /// What the worker says at its end.
    pub(crate) fn close(&mut self, ended: Kinds, cut: Kinds) {
        self.ended += ended;
        self.cut_off += cut;
    }

    /// The same of another worker.
    pub(crate) fn add(&mut self, other: Self) {
        let Self { given, backs, ended, cut_off } = other;
        self.given += given;
        self.backs += backs;
        self.ended += ended;
        self.cut_off += cut_off;
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { given, backs, ended, cut_off } = self;
        write!(f, "connections: {} passed on{given}, ", given.total())?;
        write!(f, "{} ended{ended}, {} cut{cut_off}", ended.total(), cut_off.total())?;
        if *backs > 0 { write!(f, "; {backs} to backends are kept") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_is_told_by_kind() {
        let mut account = Account::default();
        assert_eq!(account.to_string(), "connections: 0 passed on, 0 ended, 0 cut");
        account.give(Kind::Idle, true);
        account.give(Kind::Pipe, false);
        account.give_back();
        account.lose(Kind::Streams, true);
        let (mut ended, mut cut) = (Kinds::default(), Kinds::default());
        ended.count(Kind::Request, false);
        cut.count(Kind::Flow, false);
        account.close(ended, cut);
        let mut all = account;
        all.add(account);
        let wanted = "connections: 4 passed on (2 idle, 2 pipes, 2 with TLS), \
                      2 ended (2 with a request), 4 cut (2 UDP flows, 2 of HTTP/2, 2 with TLS); \
                      2 to backends are kept";
        assert_eq!(all.to_string(), wanted);
    }

    #[test]
    fn one_of_another_image_may_say_less() {
        let known: Account = serde_json::from_str(r#"{"passed":3,"backs":1}"#).expect("read");
        assert_eq!((known.given(), known.backs()), (0, 1));
    }
}
