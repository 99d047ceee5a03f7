//! Making text harmless where it is inserted: whatever it holds, it stays text.

/// How text goes into a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// As character references of HTML.
    Html,
    /// As the inside of a JSON string; it has nothing that HTML knows either.
    Json,
    /// As it is.
    Text,
}

impl Escape {
    /// For a body of that content type; what is not known may be taken for HTML.
    pub(super) fn for_content_type(value: &str) -> Self {
        let media_type = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match &*media_type {
            "text/plain" => Self::Text,
            "application/json" => Self::Json,
            other if other.ends_with("+json") => Self::Json,
            _ => Self::Html,
        }
    }

    /// Hands `text` on in pieces. A control becomes `?`.
    pub(super) fn emit(self, text: &[u8], emit: &mut impl FnMut(&[u8])) {
        let mut start = 0;
        for (at, byte) in text.iter().enumerate() {
            if let Some(replacement) = self.replacement(*byte) {
                emit(&text[start..at]);
                emit(replacement);
                start = at + 1;
            }
        }
        emit(&text[start..]);
    }

    fn replacement(self, byte: u8) -> Option<&'static [u8]> {
        Some(match (self, byte) {
            (_, 0..=0x1f | 0x7f) => b"?",
            (Self::Html, b'<') => b"&lt;",
            (Self::Html, b'>') => b"&gt;",
            (Self::Html, b'&') => b"&amp;",
            (Self::Html, b'"') => b"&quot;",
            (Self::Html, b'\'') => b"&#39;",
            (Self::Json, b'<') => b"\\u003c",
            (Self::Json, b'>') => b"\\u003e",
            (Self::Json, b'&') => b"\\u0026",
            (Self::Json, b'"') => b"\\u0022",
            (Self::Json, b'\'') => b"\\u0027",
            (Self::Json, b'\\') => b"\\u005c",
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(escape: Escape, text: &str) -> String {
        let mut out = Vec::new();
        escape.emit(text.as_bytes(), &mut |piece| out.extend_from_slice(piece));
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn text_stays_text() {
        let text = "<a href=\"x\" b='\\'>&\r\n\0\u{7f}é";
        let html = "&lt;a href=&quot;x&quot; b=&#39;\\&#39;&gt;&amp;????é";
        assert_eq!(escaped(Escape::Html, text), html);
        let json = "\\u003ca href=\\u0022x\\u0022 b=\\u0027\\u005c\\u0027\\u003e\\u0026????é";
        assert_eq!(escaped(Escape::Json, text), json);
        assert_eq!(escaped(Escape::Text, text), "<a href=\"x\" b='\\'>&????é");
        assert_eq!(escaped(Escape::Html, ""), "");
    }

    #[test]
    fn what_is_not_known_may_be_html() {
        let cases = [
            ("text/plain", Escape::Text),
            ("Text/Plain; charset=utf-8", Escape::Text),
            ("application/json", Escape::Json),
            ("application/problem+json;charset=utf-8", Escape::Json),
            ("text/html", Escape::Html),
            ("application/xml", Escape::Html),
            ("json", Escape::Html),
            ("", Escape::Html),
        ];
        for (value, escape) in cases {
            assert_eq!(Escape::for_content_type(value), escape, "{value}");
        }
    }
}
