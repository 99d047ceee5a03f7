//! What clients say about which response they want first, RFC 9218 §4.

/// How urgent a response is. The order is that of sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Priority {
    /// 0, most urgent, to 7.
    pub urgency: u8,
    /// Parts of it are of use: it shares with others of its urgency.
    pub incremental: bool,
}

impl Default for Priority {
    fn default() -> Self {
        Self { urgency: 3, incremental: false }
    }
}

impl Priority {
    /// Reads a priority field value (a dictionary of RFC 8941); what is not understood does not
    /// count.
    pub fn parse(value: &[u8]) -> Self {
        let mut priority = Self::default();
        for item in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            match item {
                [b'u', b'=', digit @ b'0'..=b'7'] => priority.urgency = digit - b'0',
                b"i" | b"i=?1" => priority.incremental = true,
                b"i=?0" => priority.incremental = false,
                _ => {}
            }
        }
        priority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_priority_is_read_as_far_as_it_is_understood() {
        let of = |urgency, incremental| Priority { urgency, incremental };
        for (text, priority) in [
            (&b""[..], of(3, false)),
            (b"u=0", of(0, false)),
            (b"u=7, i", of(7, true)),
            (b"i=?1 , u=2,x", of(2, true)),
            (b"u=8, u=-1, i=?0", of(3, false)),
        ] {
            assert_eq!(Priority::parse(text), priority, "{}", text.escape_ascii());
        }
    }
}
