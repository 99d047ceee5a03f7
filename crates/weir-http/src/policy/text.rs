//! Text of addresses on the stack.

use std::io::Write;
use std::net::IpAddr;

/// An IPv6 address has at most 45 characters; an octet is written with three.
const ROOM: usize = 48;

/// An address as text.
pub(super) struct Text {
    bytes: [u8; ROOM],
    len: usize,
}

impl Text {
    /// The address alone.
    pub(super) fn ip(ip: IpAddr) -> Self {
        let mut bytes = [0; ROOM];
        let len = match ip {
            IpAddr::V4(ip) => {
                let mut len = 0;
                for octet in ip.octets() {
                    let (digits, count) = OCTETS[octet as usize];
                    bytes[len..len + 4].copy_from_slice(&digits);
                    len += count + 1;
                }
                len - 1
            }
            IpAddr::V6(ip) => {
                let mut rest = &mut bytes[..];
                // There is always room.
                let _ = write!(rest, "{ip}");
                ROOM - rest.len()
            }
        };
        Self { bytes, len }
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// Each octet with a dot behind, and how many digits it has.
static OCTETS: [([u8; 4], usize); 256] = octets();

const fn octets() -> [([u8; 4], usize); 256] {
    let mut table = [([0; 4], 0); 256];
    let mut octet = 0;
    while octet < 256 {
        let [hundreds, tens, ones] =
            [b'0' + (octet / 100) as u8, b'0' + (octet / 10 % 10) as u8, b'0' + (octet % 10) as u8];
        table[octet] = match octet {
            0..10 => ([ones, b'.', 0, 0], 1),
            10..100 => ([tens, ones, b'.', 0], 2),
            _ => ([hundreds, tens, ones, b'.'], 3),
        };
        octet += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let text = Text::ip(text.parse().expect("address"));
        String::from_utf8(text.as_bytes().to_vec()).expect("ASCII")
    }

    #[test]
    fn addresses_are_written_as_usual() {
        for octet in 0..=255 {
            let text = format!("{octet}.{}.0.{octet}", 255 - octet);
            assert_eq!(written(&text), text);
        }
        for text in [
            "::",
            "::1",
            "2001:db8::7",
            "1:2:3:4:5:6:7:8",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "::ffff:255.255.255.255",
        ] {
            assert_eq!(written(text), text);
        }
    }
}
