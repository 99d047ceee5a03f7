//! Comma-separated lists in field values, RFC 9110 §5.6.1.

/// The elements of a list without their surrounding whitespace; empty ones are skipped.
pub(super) fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}
