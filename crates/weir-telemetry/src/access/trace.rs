//! The `traceparent` field of W3C Trace Context.

/// The trace that a request belongs to, as its client told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceParent<'a> {
    /// The trace, in hexadecimal.
    pub trace_id: &'a [u8; 32],
    /// The span of the client.
    pub span_id: &'a [u8; 16],
}

impl<'a> TraceParent<'a> {
    /// Reads the value of the field; `None` when it breaks a rule, as it is to be ignored then.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (version, rest) = value.split_first_chunk::<2>()?;
        let (trace_id, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<32>()?;
        let (span_id, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<16>()?;
        let (flags, rest) = rest.strip_prefix(b"-")?.split_first_chunk::<2>()?;
        let known = rest.is_empty() || (version != b"00" && rest.starts_with(b"-"));
        let hex = is_hex(version) && is_hex(trace_id) && is_hex(span_id) && is_hex(flags);
        let names = trace_id != &[b'0'; 32] && span_id != &[b'0'; 16] && version != b"ff";
        (known && hex && names).then_some(Self { trace_id, span_id })
    }
}

fn is_hex(text: &[u8]) -> bool {
    text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_of_the_field_hold() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read = TraceParent::parse(good.as_bytes()).expect("a parent");
        assert_eq!(read.trace_id, b"4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(read.span_id, b"00f067aa0ba902b7");
        let reads = |text: String| TraceParent::parse(text.as_bytes()).is_some();
        assert!(reads(good.replacen("00", "cc", 1) + "-more"));
        for bad in [
            good.to_owned() + "-more",
            good.replacen("00", "ff", 1),
            good.replace('4', "G"),
            good.to_uppercase(),
            good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            good.replace("00f067aa0ba902b7", &"0".repeat(16)),
            good[..54].to_owned(),
            String::new(),
        ] {
            assert!(!reads(bad.clone()), "{bad}");
        }
    }
}
