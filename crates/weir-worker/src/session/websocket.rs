//! WebSocket between versions: an upgrade on HTTP/1.1 (RFC 6455 §4) is an extended CONNECT on
//! HTTP/2 (RFC 8441), which has no key and no proof that it was understood.

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use weir_http::message::{FieldName, Fields};

pub(super) const PROTOCOL: &[u8] = b"websocket";
pub(super) const KEY: &[u8] = b"Sec-WebSocket-Key";
pub(super) const ACCEPT: &[u8] = b"Sec-WebSocket-Accept";

/// Behind a key in what proves that it was understood.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// A request for an upgrade is for WebSocket.
pub(super) fn is_asked_for(fields: &Fields, buffer: &[u8]) -> bool {
    let upgrade = fields.first(FieldName::Upgrade);
    upgrade.is_some_and(|field| field.value.of(buffer).eq_ignore_ascii_case(PROTOCOL))
}

/// A key of our own, for a client that has none.
pub(super) fn fresh_key(rng: &mut fastrand::Rng) -> String {
    STANDARD.encode(rng.u128(..).to_ne_bytes())
}

/// What answers the key in a request, if it has one.
pub(super) fn answer_to(fields: &Fields, buffer: &[u8]) -> Option<String> {
    let mut fields = fields.as_slice().iter();
    let key = fields.find(|field| field.name.of(buffer).eq_ignore_ascii_case(KEY))?;
    let text = [key.value.of(buffer), GUID].concat();
    Some(STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &text)))
}

#[cfg(test)]
mod tests {
    use weir_http::h1::{HeadLimits, parse_request};

    use super::*;

    #[test]
    fn a_key_is_answered_as_in_the_rfc() {
        let head = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        let mut fields = Fields::with_capacity(8);
        let limits = HeadLimits { head_bytes: 1_000, target_bytes: 100 };
        parse_request(head, &limits, &mut fields).expect("well formed");
        assert!(is_asked_for(&fields, head));
        let answer = answer_to(&fields, head);
        assert_eq!(answer.as_deref(), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        assert_eq!(fresh_key(&mut fastrand::Rng::with_seed(1)).len(), 24);
    }
}
