//! Heads that come over HTTP/2, RFC 9113 §8: checked, and written as the text of HTTP/1.1.
//!
//! The text goes through the parser of HTTP/1.1 like any other head, so whatever is forwarded has
//! passed both sets of rules, and everything behind knows one form of a head. Framing is not in
//! it, but for `content-length`: a stream has its own end.
//!
//! Invariants: the text is at most `HeadLimits::text` bytes; pieces of a cookie are joined (RFC
//! 9113 §8.2.3); a name or value that could end a line is refused.

use super::Priority;

/// Bounds of one head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// Bytes of the text.
    pub text: usize,
    /// Names and values, and 32 for each field (RFC 9113 §6.5.2).
    pub list: usize,
    /// Fields, pieces of a cookie counted.
    pub fields: usize,
}

/// The rule that a head breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// RFC 9113 §8.2.1.
    #[error("a field name is empty, or has an upper-case letter or another byte that no name has")]
    Name,
    /// RFC 9113 §8.2.1.
    #[error("a field value has a control character, or space at its ends")]
    Value,
    /// RFC 9113 §8.2.2.
    #[error("a field is about the connection, which HTTP/2 does not have")]
    ConnectionSpecific,
    /// RFC 9113 §8.2.2.
    #[error("te says more than trailers")]
    Te,
    /// RFC 9113 §8.3.
    #[error("a pseudo-header field is unknown, stands twice, or stands behind another field")]
    Pseudo,
    /// RFC 9113 §8.3.1.
    #[error("a pseudo-header field is missing")]
    Missing,
    /// RFC 9113 §8.3.1.
    #[error("the scheme is neither http nor https")]
    Scheme,
    /// RFC 9113 §8.3.1.
    #[error("the path is not a path")]
    Path,
    /// RFC 9113 §8.3.1.
    #[error("host is not the authority")]
    Host,
    /// RFC 9113 §8.1.1.
    #[error("content-length is no number, or two numbers")]
    Length,
    /// RFC 9113 §8.1: trailers have no pseudo-header fields.
    #[error("a trailer section has a pseudo-header field")]
    Trailer,
    /// More than [`HeadLimits`] allow.
    #[error("the head is too large")]
    TooLarge,
}

/// Collects the fields of a request and writes its text.
pub struct RequestText<'a> {
    limits: HeadLimits,
    out: &'a mut Vec<u8>,
    pseudo: Pseudo,
    begun: bool,
    listed: usize,
    fields: usize,
    cookie: Vec<u8>,
    host: bool,
    length: Option<u64>,
    priority: Option<Priority>,
}

#[derive(Default)]
struct Pseudo {
    method: Option<Box<[u8]>>,
    scheme: Option<Box<[u8]>>,
    authority: Option<Box<[u8]>>,
    path: Option<Box<[u8]>>,
}

/// What a request says beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// `content-length`
    pub length: Option<u64>,
    /// `priority`
    pub priority: Option<Priority>,
}

impl<'a> RequestText<'a> {
    /// Writes to `out`, which is emptied.
    pub fn new(limits: HeadLimits, out: &'a mut Vec<u8>) -> Self {
        out.clear();
        Self {
            limits,
            out,
            pseudo: Pseudo::default(),
            begun: false,
            listed: 0,
            fields: 0,
            cookie: Vec::new(),
            host: false,
            length: None,
            priority: None,
        }
    }

    /// The next field.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        self.listed += name.len() + value.len() + 32;
        self.fields += 1;
        if self.listed > self.limits.list || self.fields > self.limits.fields {
            return Err(HeadFault::TooLarge);
        }
        check_value(value)?;
        if let Some(pseudo) = name.strip_prefix(b":") {
            return self.pseudo(pseudo, value);
        }
        check_name(name)?;
        self.begin()?;
        match name {
            b"connection" | b"proxy-connection" | b"keep-alive" | b"transfer-encoding"
            | b"upgrade" => return Err(HeadFault::ConnectionSpecific),
            b"te" if !value.eq_ignore_ascii_case(b"trailers") => return Err(HeadFault::Te),
            b"host" => return self.host(value),
            b"content-length" => return self.length(value),
            b"cookie" => return self.crumb(value),
            b"priority" => self.priority = Some(Priority::parse(value)),
            _ => {}
        }
        self.line(name, value)
    }

    /// The last field was given.
    ///
    /// # Errors
    /// The rule that the head as a whole breaks.
    pub fn finish(mut self) -> Result<Told, HeadFault> {
        self.begin()?;
        let cookie = std::mem::take(&mut self.cookie);
        if !cookie.is_empty() {
            self.line(b"cookie", &cookie)?;
        }
        self.put(b"\r\n")?;
        Ok(Told { length: self.length, priority: self.priority })
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        let place = match name {
            b"method" => &mut self.pseudo.method,
            b"scheme" => &mut self.pseudo.scheme,
            b"authority" => &mut self.pseudo.authority,
            b"path" => &mut self.pseudo.path,
            _ => return Err(HeadFault::Pseudo),
        };
        if self.begun || place.replace(value.into()).is_some() {
            return Err(HeadFault::Pseudo);
        }
        Ok(())
    }

    /// Writes the first line and the host, once all pseudo-header fields are known.
    fn begin(&mut self) -> Result<(), HeadFault> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let Pseudo { method, scheme, authority, path } = std::mem::take(&mut self.pseudo);
        let method = method.ok_or(HeadFault::Missing)?;
        check_token(&method).map_err(|_| HeadFault::Pseudo)?;
        let target = if &*method == b"CONNECT" {
            if scheme.is_some() || path.is_some() {
                return Err(HeadFault::Pseudo);
            }
            authority.clone().ok_or(HeadFault::Missing)?
        } else {
            let scheme = scheme.ok_or(HeadFault::Missing)?;
            if !matches!(&*scheme.to_ascii_lowercase(), b"http" | b"https") {
                return Err(HeadFault::Scheme);
            }
            let path = path.ok_or(HeadFault::Missing)?;
            check_path(&path, &method)?;
            path
        };
        self.put(&method)?;
        self.put(b" ")?;
        self.put(&target)?;
        self.put(b" HTTP/1.1\r\n")?;
        if let Some(authority) = authority {
            self.host = true;
            self.line(b"host", &authority)?;
        }
        Ok(())
    }

    /// `host` beside `:authority` must be the same; alone, it stands for it.
    fn host(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if !self.host {
            self.host = true;
            return self.line(b"host", value);
        }
        let line = self.out.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
        let authority = line.strip_prefix(b"host: ").unwrap_or_default().trim_ascii_end();
        if authority.eq_ignore_ascii_case(value) { Ok(()) } else { Err(HeadFault::Host) }
    }

    fn length(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        let text = str::from_utf8(value).ok().filter(|_| digits);
        let length = text.and_then(|text| text.parse().ok()).ok_or(HeadFault::Length)?;
        match self.length.replace(length) {
            Some(before) if before != length => Err(HeadFault::Length),
            Some(_) => Ok(()),
            None => self.line(b"content-length", value),
        }
    }

    fn crumb(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if !self.cookie.is_empty() {
            self.cookie.extend_from_slice(b"; ");
        }
        self.cookie.extend_from_slice(value);
        if self.cookie.len() > self.limits.text { Err(HeadFault::TooLarge) } else { Ok(()) }
    }

    fn line(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        self.put(name)?;
        self.put(b": ")?;
        self.put(value)?;
        self.put(b"\r\n")
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), HeadFault> {
        if self.out.len() + bytes.len() > self.limits.text {
            return Err(HeadFault::TooLarge);
        }
        self.out.extend_from_slice(bytes);
        Ok(())
    }
}

/// Checks a field of a trailer section, which is not passed on.
///
/// # Errors
/// The rule that it breaks.
pub fn check_trailer(name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
    if name.starts_with(b":") {
        return Err(HeadFault::Trailer);
    }
    check_name(name)?;
    check_value(value)
}

fn check_name(name: &[u8]) -> Result<(), HeadFault> {
    if name.iter().any(u8::is_ascii_uppercase) {
        return Err(HeadFault::Name);
    }
    check_token(name)
}

/// RFC 9110 §5.6.2
fn check_token(text: &[u8]) -> Result<(), HeadFault> {
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    if text.is_empty() || !text.iter().all(is_token) { Err(HeadFault::Name) } else { Ok(()) }
}

fn check_value(value: &[u8]) -> Result<(), HeadFault> {
    let is_control = |byte: &u8| (*byte < 32 && *byte != b'\t') || *byte == 127;
    let is_space = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    if value.iter().any(is_control) || is_space(value.first()) || is_space(value.last()) {
        return Err(HeadFault::Value);
    }
    Ok(())
}

fn check_path(path: &[u8], method: &[u8]) -> Result<(), HeadFault> {
    let is_path = path.starts_with(b"/") || (path == b"*" && method == b"OPTIONS");
    let is_word = path.iter().all(|byte| (33..127).contains(byte) && *byte != b'#');
    if is_path && is_word { Ok(()) } else { Err(HeadFault::Path) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { text: 200, list: 1_000, fields: 12 };

    type Line = (&'static str, &'static str);

    const GET: [Line; 4] =
        [(":method", "GET"), (":scheme", "https"), (":authority", "h"), (":path", "/a")];

    fn text(fields: &[Line]) -> Result<(String, Told), HeadFault> {
        let mut out = Vec::new();
        let mut text = RequestText::new(LIMITS, &mut out);
        for (name, value) in fields {
            text.field(name.as_bytes(), value.as_bytes())?;
        }
        let told = text.finish()?;
        Ok((String::from_utf8(out).unwrap(), told))
    }

    fn with(more: &[Line]) -> Result<(String, Told), HeadFault> {
        text(&[&GET[..], more].concat())
    }

    #[test]
    fn a_request_becomes_the_text_of_one() {
        let more = [
            ("cookie", "a=1"),
            ("accept", "*/*"),
            ("cookie", "b=2"),
            ("content-length", "5"),
            ("host", "H"),
            ("priority", "u=1, i"),
            ("te", "trailers"),
        ];
        let (text, told) = with(&more).unwrap();
        let lines: Vec<_> = text.split("\r\n").collect();
        let wanted = [
            "GET /a HTTP/1.1",
            "host: h",
            "accept: */*",
            "content-length: 5",
            "priority: u=1, i",
            "te: trailers",
            "cookie: a=1; b=2",
            "",
            "",
        ];
        assert_eq!(lines, wanted);
        let priority = Priority { urgency: 1, incremental: true };
        assert_eq!(told, Told { length: Some(5), priority: Some(priority) });
    }

    #[test]
    fn whatever_breaks_a_rule_is_refused() {
        use HeadFault::*;
        let long = "x".repeat(201).leak();
        let cases: [(Line, HeadFault); 22] = [
            (("Accept", "x"), Name),
            (("", "x"), Name),
            (("a b", "x"), Name),
            (("a:b", "x"), Name),
            (("a", "x\r\ny: z"), Value),
            (("a", "x\0"), Value),
            (("a", " x"), Value),
            (("a", "x\t"), Value),
            (("connection", "close"), ConnectionSpecific),
            (("transfer-encoding", "chunked"), ConnectionSpecific),
            (("upgrade", "websocket"), ConnectionSpecific),
            (("keep-alive", "1"), ConnectionSpecific),
            (("proxy-connection", "x"), ConnectionSpecific),
            (("te", "gzip"), Te),
            ((":path", "/b"), Pseudo),
            ((":status", "200"), Pseudo),
            ((":protocol", "websocket"), Pseudo),
            (("host", "other"), Host),
            (("content-length", "+1"), Length),
            (("content-length", "99999999999999999999"), Length),
            (("a", long), TooLarge),
            (("content-length", ""), Length),
        ];
        for (line, fault) in cases {
            assert_eq!(with(&[line]).err(), Some(fault), "{line:?}");
        }
        assert_eq!(with(&[("a", "b"), (":authority", "h")]).err(), Some(Pseudo));
        assert_eq!(with(&[("content-length", "1"), ("content-length", "2")]).err(), Some(Length));
        assert_eq!(with(&[("cookie", "a"); 9]).err(), Some(TooLarge));
        assert_eq!(with(&[("cookie", long)]).err(), Some(TooLarge));
        for missing in [0, 1, 3] {
            let mut fields = GET.to_vec();
            fields.remove(missing);
            assert_eq!(text(&fields).err(), Some(Missing));
        }
        for (at, value, fault) in [
            (0, "GET /", Pseudo),
            (1, "ftp", Scheme),
            (3, "", Path),
            (3, "a", Path),
            (3, "/a b", Path),
            (3, "/a#b", Path),
            (3, "*", Path),
            (0, "CONNECT", Pseudo),
        ] {
            let mut fields = GET.to_vec();
            fields[at].1 = value;
            assert_eq!(text(&fields).err(), Some(fault), "{value}");
        }
    }

    #[test]
    fn the_host_may_stand_for_the_authority() {
        let fields = [GET[0], GET[1], GET[3], ("host", "x")];
        assert!(text(&fields).unwrap().0.starts_with("GET /a HTTP/1.1\r\nhost: x\r\n"));
        let connect = [(":method", "CONNECT"), (":authority", "h:1")];
        assert!(text(&connect).unwrap().0.starts_with("CONNECT h:1 HTTP/1.1\r\nhost: h:1\r\n"));
    }

    #[test]
    fn trailers_are_fields_and_nothing_else() {
        assert_eq!(check_trailer(b"x-sum", b"1"), Ok(()));
        assert_eq!(check_trailer(b":path", b"/"), Err(HeadFault::Trailer));
        assert_eq!(check_trailer(b"X-Sum", b"1"), Err(HeadFault::Name));
    }
}
