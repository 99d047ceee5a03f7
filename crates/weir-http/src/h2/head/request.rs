//! A request, RFC 9113 §8.3.1.

use std::ops::Range;

use super::lines::{self, Lines, check_name, check_token};
use super::{HeadFault, HeadLimits};
use crate::h2::Priority;
use crate::message::bytes::target_end;

/// Bytes of most requests' pseudo-header fields.
const USUAL: usize = 128;

/// Collects the fields of a request and writes its text.
pub struct RequestText<'a> {
    lines: Lines<'a>,
    pseudo: Pseudo,
    begun: bool,
    cookie: Vec<u8>,
    host: bool,
    length: Option<u64>,
    priority: Option<Priority>,
    is_extended_connect: bool,
}

/// What comes before the first line can be written: where it lies in `bytes`.
#[derive(Default)]
struct Pseudo {
    bytes: Vec<u8>,
    method: Option<Range<usize>>,
    scheme: Option<Range<usize>>,
    authority: Option<Range<usize>>,
    path: Option<Range<usize>>,
    /// RFC 8441 §4
    protocol: Option<Range<usize>>,
}

/// What a request says beside its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// `content-length`
    pub length: Option<u64>,
    /// `priority`
    pub priority: Option<Priority>,
    /// It asks for another protocol on its stream, RFC 8441: the text asks for an upgrade.
    pub is_extended_connect: bool,
}

impl<'a> RequestText<'a> {
    /// Writes to `out`, which is emptied.
    pub fn new(limits: HeadLimits, out: &'a mut Vec<u8>) -> Self {
        Self {
            lines: Lines::new(limits, out),
            pseudo: Pseudo::default(),
            begun: false,
            cookie: Vec::new(),
            host: false,
            length: None,
            priority: None,
            is_extended_connect: false,
        }
    }

    /// The next field.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        self.lines.count(name, value)?;
        if let Some(pseudo) = name.strip_prefix(b":") {
            return self.pseudo(pseudo, value);
        }
        check_name(name)?;
        self.begin()?;
        match name {
            _ if lines::is_connection_specific(name) => return Err(HeadFault::ConnectionSpecific),
            b"te" if !value.eq_ignore_ascii_case(b"trailers") => return Err(HeadFault::Te),
            b"host" => return self.host(value),
            b"content-length" => return lines::length(&mut self.length, value, &mut self.lines),
            b"cookie" => return self.crumb(value),
            b"priority" => self.priority = Some(Priority::parse(value)),
            _ => {}
        }
        self.lines.line(name, value)
    }

    /// The last field was given.
    ///
    /// # Errors
    /// The rule that the head as a whole breaks.
    pub fn finish(mut self) -> Result<Told, HeadFault> {
        self.begin()?;
        let cookie = std::mem::take(&mut self.cookie);
        if !cookie.is_empty() {
            self.lines.line(b"cookie", &cookie)?;
        }
        self.lines.put(&[b"\r\n"])?;
        let Self { length, priority, is_extended_connect, .. } = self;
        Ok(Told { length, priority, is_extended_connect })
    }

    fn pseudo(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadFault> {
        let pseudo = &mut self.pseudo;
        let place = match name {
            b"method" => &mut pseudo.method,
            b"scheme" => &mut pseudo.scheme,
            b"authority" => &mut pseudo.authority,
            b"path" => &mut pseudo.path,
            b"protocol" => &mut pseudo.protocol,
            _ => return Err(HeadFault::Pseudo),
        };
        let start = pseudo.bytes.len();
        if self.begun || place.replace(start..start + value.len()).is_some() {
            return Err(HeadFault::Pseudo);
        }
        if start == 0 {
            pseudo.bytes.reserve(USUAL);
        }
        pseudo.bytes.extend_from_slice(value);
        Ok(())
    }

    /// Writes the first line and the host, once all pseudo-header fields are known.
    fn begin(&mut self) -> Result<(), HeadFault> {
        if std::mem::replace(&mut self.begun, true) {
            return Ok(());
        }
        let pseudo = std::mem::take(&mut self.pseudo);
        let told = |range: Option<Range<usize>>| range.map(|range| &pseudo.bytes[range]);
        let (scheme, authority, path) =
            (told(pseudo.scheme), told(pseudo.authority), told(pseudo.path));
        let protocol = told(pseudo.protocol);
        let method = told(pseudo.method).ok_or(HeadFault::Missing)?;
        check_token(method).map_err(|_| HeadFault::Pseudo)?;
        let connect = method == b"CONNECT";
        if let Some(protocol) = protocol {
            check_token(protocol).map_err(|_| HeadFault::Pseudo)?;
        }
        if protocol.is_some() && !connect {
            return Err(HeadFault::Pseudo);
        }
        if connect && protocol.is_none() {
            if scheme.is_some() || path.is_some() {
                return Err(HeadFault::Pseudo);
            }
            let authority = authority.ok_or(HeadFault::Missing)?;
            return self.first_line(method, authority, Some(authority));
        }
        let scheme = scheme.ok_or(HeadFault::Missing)?;
        if ![&b"http"[..], b"https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
            return Err(HeadFault::Scheme);
        }
        let path = path.ok_or(HeadFault::Missing)?;
        check_path(path, method)?;
        let Some(protocol) = protocol else {
            return self.first_line(method, path, authority);
        };
        if authority.is_none() {
            return Err(HeadFault::Missing);
        }
        self.is_extended_connect = true;
        self.first_line(b"GET", path, authority)?;
        self.lines.line(b"connection", b"upgrade")?;
        self.lines.line(b"upgrade", protocol)
    }

    fn first_line(
        &mut self,
        method: &[u8],
        target: &[u8],
        authority: Option<&[u8]>,
    ) -> Result<(), HeadFault> {
        self.lines.put(&[method, b" ", target, b" HTTP/1.1\r\n"])?;
        let Some(authority) = authority else { return Ok(()) };
        self.host = true;
        self.lines.line(b"host", authority)
    }

    /// `host` beside `:authority` must be the same; alone, it stands for it.
    fn host(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if !self.host {
            self.host = true;
            return self.lines.line(b"host", value);
        }
        let line = self.lines.out.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
        let authority = line.strip_prefix(b"host: ").unwrap_or_default().trim_ascii_end();
        if authority.eq_ignore_ascii_case(value) { Ok(()) } else { Err(HeadFault::Host) }
    }

    fn crumb(&mut self, value: &[u8]) -> Result<(), HeadFault> {
        if !self.cookie.is_empty() {
            self.cookie.extend_from_slice(b"; ");
        }
        self.cookie.extend_from_slice(value);
        if self.cookie.len() > self.lines.most() { Err(HeadFault::TooLarge) } else { Ok(()) }
    }
}

fn check_path(path: &[u8], method: &[u8]) -> Result<(), HeadFault> {
    let is_path = path.starts_with(b"/") || (path == b"*" && method == b"OPTIONS");
    let is_word = target_end(path, 0) == path.len();
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
        let (length, priority) = (Some(5), Some(priority));
        assert_eq!(told, Told { length, priority, is_extended_connect: false });
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
    fn an_extended_connect_asks_for_an_upgrade() {
        let connect = (":method", "CONNECT");
        let protocol = (":protocol", "websocket");
        let fields = [connect, GET[1], GET[2], GET[3], protocol];
        let (got, told) = text(&fields).unwrap();
        let wanted =
            "GET /a HTTP/1.1\r\nhost: h\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        assert_eq!((&*got, told.is_extended_connect), (wanted, true));
        assert_eq!(text(&[connect, GET[1], GET[3], protocol]).err(), Some(HeadFault::Missing));
        let odd = [connect, GET[1], GET[2], GET[3], (":protocol", "a b")];
        assert_eq!(text(&odd).err(), Some(HeadFault::Pseudo));
    }
}
