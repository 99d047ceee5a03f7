//! A connection without streams as plain values, for another process to go on with it.
//!
//! The table of our encoder stays behind: the next block empties the peer's (RFC 7541 §4.2).

use serde::{Deserialize, Serialize};
use weir_base::Instant;

use super::super::Tally;
use super::super::floods::Floods;
use super::{Connection, Encoder, Options, Ours, Role, Theirs, Window};

/// What there is of a connection between two requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// As it was announced, whatever the options are now.
    ours: Ours,
    theirs: Theirs,
    /// A block with the table of the decoder.
    fields: Vec<u8>,
    totals: [u64; 3],
    preface: usize,
    introduced: bool,
    last: u32,
    receive: usize,
    credit: u32,
    send: usize,
}

impl Connection {
    /// Another process can go on with it: no stream is open, and neither side has said that it
    /// opens or serves none any more.
    pub fn can_part(&self) -> bool {
        let quiet = self.streams.is_empty() && self.pending.is_none() && self.block.is_none();
        let lives = self.served == u32::MAX && !self.warned && !self.closed_by_peer;
        quiet && lives
    }

    /// What another process needs to go on. What waits in [`Connection::control`] is not in it.
    pub fn part(&self) -> Carried {
        let mut fields = Vec::new();
        self.decoder.remember(&mut fields);
        Carried {
            ours: self.options.ours,
            theirs: self.theirs,
            fields,
            totals: self.floods.totals(),
            preface: self.preface,
            introduced: self.introduced,
            last: self.last,
            receive: self.receive.available(),
            credit: self.credit,
            send: self.send.available(),
        }
    }

    /// Goes on with what [`Connection::part`] has told; `None` when that cannot be.
    pub fn resume(carried: Carried, options: Options, now: Instant) -> Option<Self> {
        // A client's bound is not what it announces.
        let most_streams = match options.role {
            Role::Server => carried.ours.max_streams as usize,
            Role::Client => options.most_streams,
        };
        let floods = Floods::resume(options.floods.clone(), carried.totals, now);
        let mut new = Self::new(Options { ours: carried.ours, most_streams, ..options }, now);
        new.decoder.recall(&carried.fields).ok()?;
        new.control.clear();
        let table = carried.theirs.header_table.min(new.options.encoder_table);
        let window = |bytes: usize| i32::try_from(bytes).ok().map(Window::new);
        Some(Self {
            theirs: carried.theirs,
            encoder: Encoder::anew(table),
            floods,
            preface: carried.preface,
            introduced: carried.introduced,
            last: carried.last,
            receive: window(carried.receive)?,
            credit: carried.credit,
            send: window(carried.send)?,
            tally: Tally::default(),
            ..new
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Peer, frame, options};
    use super::*;
    use crate::h2::frame::{Kind, flag};

    #[test]
    fn another_process_goes_on_between_two_requests() {
        let mut peer = Peer::new();
        let kept = [("x-kept", "what both ends remember"), ("x-other", "this, too")];
        let block = peer.get(&kept);
        let whole = flag::END_HEADERS | flag::END_STREAM;
        peer.feed(&frame(Kind::Headers, whole, 1, &block)).unwrap();
        assert!(!peer.connection.can_part(), "a stream is open");
        peer.connection.write_head(1, b"", true, &mut Vec::new());
        assert!(peer.connection.can_part());
        let carried = peer.connection.part();
        let now = peer.now;
        let resumed = Connection::resume(carried.clone(), options(Role::Server), now);
        peer.connection = resumed.expect("the same");
        assert_eq!(peer.connection.part(), carried);
        let again = peer.get(&kept);
        assert!(again.len() < block.len() / 2, "by index");
        peer.text.clear();
        peer.feed(&frame(Kind::Headers, whole, 3, &again)).unwrap();
        let text = String::from_utf8_lossy(&peer.text).into_owned();
        assert!(text.contains("x-kept: what both ends remember"), "{text}");
        peer.connection.write_head(3, b"", true, &mut Vec::new());
        peer.connection.warn_of_end();
        assert!(!peer.connection.can_part(), "its end is being announced");
        peer.connection.go_away(crate::h2::Code::NoError);
        assert!(!peer.connection.can_part(), "its end was announced");
    }
}
