//! Text of addresses on the stack.

use std::io::Write;
use std::net::IpAddr;

/// Up to 64 bytes of text.
pub(super) struct Text {
    bytes: [u8; 64],
    len: usize,
}

impl Text {
    /// The address alone.
    pub(super) fn ip(ip: IpAddr) -> Self {
        Self::written(|out| match ip {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                push_number(out, a.into());
                for octet in [b, c, d] {
                    out.push(b'.');
                    push_number(out, octet.into());
                }
            }
            IpAddr::V6(ip) => out.format(format_args!("{ip}")),
        })
    }

    /// A decimal number.
    pub(super) fn number(number: u16) -> Self {
        Self::written(|out| push_number(out, number))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn written(write: impl FnOnce(&mut Self)) -> Self {
        let mut text = Self { bytes: [0; 64], len: 0 };
        write(&mut text);
        text
    }

    fn push(&mut self, byte: u8) {
        self.bytes[self.len] = byte;
        self.len += 1;
    }

    fn format(&mut self, arguments: std::fmt::Arguments<'_>) {
        let mut rest = &mut self.bytes[self.len..];
        let room = rest.len();
        // An IPv6 address has at most 45 characters.
        let _ = rest.write_fmt(arguments);
        self.len += room - rest.len();
    }
}

fn push_number(out: &mut Text, number: u16) {
    for digit in itoa::Buffer::new().format(number).bytes() {
        out.push(digit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_numbers_are_written_as_usual() {
        for text in [
            "0.0.0.0",
            "255.255.255.255",
            "192.0.2.10",
            "::",
            "::1",
            "2001:db8::7",
            "1:2:3:4:5:6:7:8",
            "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
            "::ffff:255.255.255.255",
        ] {
            let ip = text.parse().expect("address");
            assert_eq!(Text::ip(ip).as_bytes(), text.as_bytes());
        }
        for number in [0, 9, 80, 443, 8080, u16::MAX] {
            assert_eq!(Text::number(number).as_bytes(), number.to_string().as_bytes());
        }
    }
}
