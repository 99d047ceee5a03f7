//! What an ordinary browser and server say, for tests that count instructions.

use weir_http::h1::HeadLimits;

pub(crate) const LIMITS: HeadLimits = HeadLimits { head_bytes: 16_384, target_bytes: 8_192 };

pub(crate) const REQUEST: &[u8] = b"GET /api/v1/items?page=2 HTTP/1.1\r\n\
    Host: www.example.org\r\n\
    User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Encoding: gzip, deflate, br\r\n\
    Connection: keep-alive\r\n\r\n";

pub(crate) const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\n\
    Date: Tue, 24 Nov 2026 10:00:00 GMT\r\n\
    Server: backend\r\n\
    Content-Type: text/plain; charset=utf-8\r\n\
    Content-Length: 1024\r\n\r\n";

pub(crate) const ROUNDS: usize = 10_000;
