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
