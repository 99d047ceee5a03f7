//! How many requests are served in a while.

use weir_proto::RateLimit as Message;

use super::Refusal;
use crate::check::{self, WrittenRate};
use crate::state::{Affinity, RateLimit};

/// The limits that a message describes.
pub(super) fn rate_limits(messages: &[Message]) -> Result<Vec<RateLimit>, Refusal> {
    let limit = |message: &Message| {
        check::rate_limit(WrittenRate {
            requests: message.requests,
            seconds: message.seconds,
            burst: message.burst,
            by_source_ip: message.by_source_ip.unwrap_or_default(),
            by_header: message.by_header.clone(),
            by_cookie: message.by_cookie.clone(),
        })
    };
    let limits = messages.iter().map(limit).collect::<Result<Vec<_>, _>>()?;
    check::rate_limits(&limits)?;
    Ok(limits)
}

/// Limits as the protocol shows them.
pub(super) fn shown(limits: &[RateLimit]) -> Vec<Message> {
    let shown = limits.iter().map(|limit| {
        let message = Message {
            requests: limit.requests.get(),
            seconds: limit.seconds,
            burst: Some(limit.burst.get()),
            ..Message::default()
        };
        match limit.by.clone() {
            None => message,
            Some(Affinity::SourceIp) => Message { by_source_ip: Some(true), ..message },
            Some(Affinity::Field(name)) => Message { by_header: Some(name), ..message },
            Some(Affinity::Cookie(name)) => Message { by_cookie: Some(name), ..message },
        }
    });
    shown.collect()
}
