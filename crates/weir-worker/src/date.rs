//! The time as the `Date` field shows it, RFC 9110 §5.6.7.
//!
//! Invariant: the text is made once per second, however many heads need it.

use std::io::Write as _;
use std::time::{Duration, UNIX_EPOCH};

/// The text of the last second that was asked for.
pub(crate) struct Date {
    second: u64,
    text: [u8; 29],
}

impl Date {
    pub(crate) fn new() -> Self {
        Self { second: 0, text: *b"Thu, 01 Jan 1970 00:00:00 GMT" }
    }

    /// Moves to an instant, in seconds since the Unix epoch.
    pub(crate) fn set(&mut self, second: u64) {
        if second != self.second {
            self.second = second;
            let date = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(second));
            // 29 bytes until the year 9999.
            let _ = write!(&mut self.text[..], "{date}");
        }
    }

    pub(crate) fn text(&self) -> &[u8] {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_an_imf_fixdate() {
        let mut date = Date::new();
        assert_eq!(date.text(), b"Thu, 01 Jan 1970 00:00:00 GMT");
        date.set(784_111_777);
        assert_eq!(date.text(), b"Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
