//! The name in SNI (RFC 6066 §3): a host name in ASCII without a trailing dot.
//!
//! Must not know: which names there are.

use std::net::IpAddr;

use super::NotTls;

/// RFC 1035 §2.3.4, without the trailing dot and the root's length.
const LONGEST_NAME: usize = 253;
const LONGEST_LABEL: usize = 63;

/// A host name as the client wrote it: labels of letters, digits, hyphens and underscores.
///
/// Hosts are the same whatever their case; equality here is that of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerName<'a>(&'a str);

impl<'a> ServerName<'a> {
    /// `None` for an address: there is no name for it to go by.
    pub(super) fn parse(name: &'a [u8]) -> Result<Option<Self>, NotTls> {
        let name = str::from_utf8(name).map_err(|_| NotTls::ServerName)?;
        if name.parse::<IpAddr>().is_ok() {
            return Ok(None);
        }
        let short = name.len() <= LONGEST_NAME;
        if short && name.split('.').all(is_label) {
            Ok(Some(Self(name)))
        } else {
            Err(NotTls::ServerName)
        }
    }

    /// As the client wrote it.
    pub fn as_str(self) -> &'a str {
        self.0
    }

    /// Appends it in lower case, as tables of hosts have it.
    pub fn write_lowercase(self, out: &mut String) {
        out.extend(self.0.chars().map(|character| character.to_ascii_lowercase()));
    }
}

fn is_label(label: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=LONGEST_LABEL).contains(&label.len())
        && label.bytes().all(legal)
        && !label.starts_with('-')
        && !label.ends_with('-')
}
