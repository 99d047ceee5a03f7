//! What the fields of a head say about the message and its connection: framing (RFC 9112 §6),
//! persistence (§9.3) and connection options (RFC 9110 §7.6.1).

use super::{HeadError, list};
use crate::message::{Field, FieldName, Fields, Framing, Span, Version, bytes};

/// Options that `Connection` may have in one head.
pub(super) const OPTIONS: usize = 32;

/// Collects, field by field.
#[derive(Debug, Default)]
pub(super) struct Control {
    /// The value of `Host`.
    pub(super) host: Option<Span>,
    /// `TE` contains `trailers`.
    pub(super) te_trailers: bool,
    /// `Expect` is `100-continue`.
    pub(super) expect_continue: bool,
    /// There is an `Upgrade` field.
    has_upgrade: bool,
    /// There is a `Trailer` field.
    has_trailer: bool,
    length: Option<u64>,
    chunked: bool,
    /// `Connection` has an option `close`.
    close: bool,
    keep_alive: bool,
    upgrade: bool,
    /// Options seen so far.
    options: usize,
    /// One of them is the name of a field.
    names_fields: bool,
}

impl Control {
    /// Takes notice of the next field.
    #[inline]
    pub(super) fn note(&mut self, bytes: &[u8], field: &mut Field) -> Result<(), HeadError> {
        use FieldName::*;
        match field.kind {
            Connection | ContentLength | Expect | Host | KeepAlive | ProxyConnection | Te
            | Trailer | TransferEncoding | Upgrade => {
                self.note_control(field.value.of(bytes), field)
            }
            _ => Ok(()),
        }
    }

    #[inline(never)] // Most fields do not get here.
    fn note_control(&mut self, value: &[u8], field: &mut Field) -> Result<(), HeadError> {
        field.hop = field.kind.is_connection_specific();
        match field.kind {
            FieldName::Host if self.host.is_some() => return Err(HeadError::HostRepeated),
            FieldName::Host => self.host = Some(field.value),
            FieldName::ContentLength => self.note_length(value)?,
            FieldName::TransferEncoding => self.note_coding(value)?,
            FieldName::Connection => self.note_options(value)?,
            FieldName::Upgrade => self.has_upgrade = true,
            FieldName::Trailer => self.has_trailer = true,
            FieldName::Te => {
                let is_trailers = |element: &[u8]| element.eq_ignore_ascii_case(b"trailers");
                self.te_trailers |= list::elements(value).any(is_trailers);
            }
            FieldName::Expect => {
                self.expect_continue = value.eq_ignore_ascii_case(b"100-continue");
            }
            _ => {}
        }
        Ok(())
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if self.chunked {
            return Err(HeadError::LengthAndCoding);
        }
        if self.length.is_some() {
            return Err(HeadError::LengthRepeated);
        }
        self.length = Some(decimal(value)?);
        Ok(())
    }

    fn note_coding(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if self.length.is_some() {
            return Err(HeadError::LengthAndCoding);
        }
        if self.chunked {
            return Err(HeadError::CodingRepeated);
        }
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(HeadError::Coding);
        }
        self.chunked = true;
        Ok(())
    }

    fn note_options(&mut self, value: &[u8]) -> Result<(), HeadError> {
        if !value.is_empty() && !value.contains(&b',') {
            return self.note_option(value);
        }
        list::elements(value).try_for_each(|option| self.note_option(option))
    }

    fn note_option(&mut self, option: &[u8]) -> Result<(), HeadError> {
        self.options += 1;
        if self.options > OPTIONS {
            return Err(HeadError::TooManyOptions);
        }
        match option.len() {
            10 if bytes::token_is(option, b"keep-alive") => self.keep_alive = true,
            5 if bytes::token_is(option, b"close") => self.close = true,
            7 if bytes::token_is(option, b"upgrade") => self.upgrade = true,
            2 if bytes::token_is(option, b"te") => {}
            _ if bytes::token_end(option, 0) == option.len() => self.names_fields = true,
            _ => return Err(HeadError::OptionSyntax),
        }
        Ok(())
    }

    /// The `Content-Length`, when there is one.
    pub(super) const fn length(&self) -> Option<u64> {
        self.length
    }

    /// How the body is delimited; `unsaid` when no field tells.
    pub(super) fn framing(&self, version: Version, unsaid: Framing) -> Result<Framing, HeadError> {
        match self.length {
            Some(length) => Ok(Framing::Length(length)),
            None if !self.chunked => Ok(unsaid),
            None if version == Version::Http10 => Err(HeadError::CodingInHttp10),
            None => Ok(Framing::Chunked),
        }
    }

    /// The sender lets the connection be reused, RFC 9112 §9.3.
    pub(super) fn keeps_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::Http11 || self.keep_alive)
    }

    /// The sender offers another protocol, RFC 9110 §7.8.
    pub(super) fn upgrades(&self, version: Version) -> bool {
        version == Version::Http11 && self.upgrade && self.has_upgrade
    }

    /// Marks the fields that are not for the next peer but whose name does not tell: those that
    /// `Connection` names, and `Trailer` where no trailer section can follow.
    ///
    /// Fields that the proxy acts on cannot be removed by naming them: a client would else strip
    /// the forwarding and framing fields that others on the way rely on.
    #[inline]
    pub(super) fn mark_hops(&self, bytes: &[u8], fields: &mut Fields, framing: Framing) {
        if self.names_fields {
            mark_named(bytes, fields);
        }
        if self.has_trailer && framing != Framing::Chunked {
            let lines = fields.as_mut_slice().iter_mut();
            lines
                .filter(|field| field.kind == FieldName::Trailer)
                .for_each(|field| field.hop = true);
        }
    }
}

fn mark_named(bytes: &[u8], fields: &mut Fields) {
    for at in 0..fields.as_slice().len() {
        let Field { kind: FieldName::Connection, value, .. } = fields.as_slice()[at] else {
            continue;
        };
        for option in list::elements(value.of(bytes)) {
            let named = fields.as_mut_slice().iter_mut().filter(|field| {
                field.kind == FieldName::Other && field.name.of(bytes).eq_ignore_ascii_case(option)
            });
            named.for_each(|field| field.hop = true);
        }
    }
}

/// Digits only, RFC 9110 §8.6.
fn decimal(value: &[u8]) -> Result<u64, HeadError> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(HeadError::LengthSyntax);
    }
    let add = |sum: i64, &digit: &u8| sum.checked_mul(10)?.checked_add(i64::from(digit - b'0'));
    let sum = value.iter().try_fold(0, add).ok_or(HeadError::LengthOverflow)?;
    Ok(sum.unsigned_abs())
}
