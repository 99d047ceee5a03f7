//! Settings, RFC 9113 §6.5: ours as we announce them, the peer's as far as they concern us.

use serde::{Deserialize, Serialize};

use super::frame::{self, Kind, MAX_PAYLOAD};
use super::{Code, Role, flow};

/// What we announce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ours {
    /// Bytes of the table that the peer's encoder may use.
    pub header_table: u32,
    /// Streams that the peer may have open at once.
    pub max_streams: u32,
    /// The peer may ask for other protocols on streams (RFC 8441 §3); a server says so.
    pub connect_protocol: bool,
    /// Bytes that a stream begins with.
    pub window: u32,
    /// Bytes of all streams together.
    pub connection_window: u32,
    /// Names and values of a head, and 32 for each field.
    pub header_list: u32,
}

impl Ours {
    /// Appends SETTINGS, and what makes the connection's window larger.
    pub fn write(&self, out: &mut Vec<u8>) {
        let entries: [(u16, u32); 8] = [
            (1, self.header_table),
            (2, 0),
            (3, self.max_streams),
            (4, self.window),
            (5, MAX_PAYLOAD as u32),
            (6, self.header_list),
            (8, u32::from(self.connect_protocol)),
            (9, 1),
        ];
        let mut payload = [0; 48];
        for (place, (id, value)) in payload.chunks_exact_mut(6).zip(entries) {
            place[..2].copy_from_slice(&id.to_be_bytes());
            place[2..].copy_from_slice(&value.to_be_bytes());
        }
        frame::write(Kind::Settings, 0, 0, &payload, out);
        let more = self.connection_window.saturating_sub(flow::INITIAL as u32);
        if more > 0 {
            frame::write_window_update(0, more, out);
        }
    }
}

/// What the peer wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Theirs {
    /// Bytes of the table that our encoder may use.
    pub header_table: u32,
    /// Bytes that a stream begins with.
    pub window: i32,
    /// Bytes of a payload.
    pub max_payload: usize,
    /// Streams that we may open at once.
    pub max_streams: u32,
    /// It takes other protocols on streams (RFC 8441 §3).
    pub connect_protocol: bool,
}

impl Default for Theirs {
    fn default() -> Self {
        Self {
            header_table: 4_096,
            window: flow::INITIAL,
            max_payload: MAX_PAYLOAD,
            max_streams: u32::MAX,
            connect_protocol: false,
        }
    }
}

/// Entries of one SETTINGS frame; more are refused.
const MOST_ENTRIES: usize = 64;

impl Theirs {
    /// Takes what a payload says to our end; entries that are not known do not count.
    ///
    /// # Errors
    /// FRAME_SIZE_ERROR, PROTOCOL_ERROR or FLOW_CONTROL_ERROR (RFC 9113 §6.5.2).
    pub fn apply(&mut self, payload: &[u8], ours: Role) -> Result<(), Code> {
        if !payload.len().is_multiple_of(6) {
            return Err(Code::FrameSizeError);
        }
        if payload.len() / 6 > MOST_ENTRIES {
            return Err(Code::EnhanceYourCalm);
        }
        for entry in payload.chunks_exact(6) {
            let id = u16::from_be_bytes([entry[0], entry[1]]);
            let value = u32::from_be_bytes([entry[2], entry[3], entry[4], entry[5]]);
            match (id, value) {
                (1, bytes) => self.header_table = bytes,
                (2 | 8 | 9, 2..) => return Err(Code::ProtocolError),
                // Servers cannot be pushed to.
                (2, 1) if ours == Role::Client => return Err(Code::ProtocolError),
                (8, value) => self.connect_protocol = value == 1,
                (3, count) => self.max_streams = count,
                (4, bytes) => {
                    self.window = i32::try_from(bytes).map_err(|_| Code::FlowControlError)?;
                }
                (5, 16_384..=16_777_215) => self.max_payload = value as usize,
                (5, _) => return Err(Code::ProtocolError),
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u16, value: u32) -> Vec<u8> {
        [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
    }

    #[test]
    fn a_setting_is_taken_or_refused() {
        let mut theirs = Theirs::default();
        let all = [entry(1, 9), entry(4, 70_000), entry(5, 20_000), entry(77, 1), entry(2, 1)];
        theirs.apply(&all.concat(), Role::Server).unwrap();
        let wanted =
            Theirs { header_table: 9, window: 70_000, max_payload: 20_000, ..Theirs::default() };
        assert_eq!(theirs, wanted);
        for (bad, code) in [
            (entry(2, 2), Code::ProtocolError),
            (entry(9, 2), Code::ProtocolError),
            (entry(4, 1 << 31), Code::FlowControlError),
            (entry(5, 16_383), Code::ProtocolError),
            (entry(5, 1 << 24), Code::ProtocolError),
            (vec![0; 5], Code::FrameSizeError),
            (entry(77, 0).repeat(65), Code::EnhanceYourCalm),
        ] {
            assert_eq!(theirs.apply(&bad, Role::Server), Err(code));
        }
        assert_eq!(theirs.apply(&entry(2, 1), Role::Client), Err(Code::ProtocolError));
    }

    #[test]
    fn ours_can_be_read_by_ourselves() {
        let ours = Ours {
            header_table: 4_096,
            max_streams: 100,
            connect_protocol: true,
            window: 65_535,
            connection_window: 1 << 20,
            header_list: 65_536,
        };
        let mut out = Vec::new();
        ours.write(&mut out);
        let header = frame::Header::parse(&out).unwrap();
        let (payload, rest) = out[frame::HEADER..].split_at(header.len);
        Theirs::default().apply(payload, Role::Client).unwrap();
        let update = frame::Header::parse(rest).unwrap();
        assert_eq!((update.kind, update.stream), (Kind::WindowUpdate, 0));
        assert_eq!(rest[frame::HEADER..], ((1_u32 << 20) - 65_535).to_be_bytes());
    }
}
