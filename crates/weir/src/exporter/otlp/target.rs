//! Where reports go, as people write it.
//!
//! Must not know: how they get there.

use std::fmt;
use std::str::FromStr;

use axum::http::uri::{PathAndQuery, Scheme};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use percent_encoding::percent_decode_str;
use weir_tls::Der;

/// A collector.
pub(crate) struct Target {
    pub(crate) endpoint: Endpoint,
    /// What every request says besides.
    pub(crate) fields: HeaderMap,
    /// Who may have issued its certificate; `None`: whom the system trusts.
    pub(crate) authorities: Option<Vec<Der>>,
}

/// `http[s]://<host>[:<port>][/<prefix>]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    base: Uri,
    /// Before the path of each request; empty, or it begins with `/` and does not end with it.
    prefix: String,
}

impl FromStr for Endpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let base: Uri = text.parse().map_err(|error| format!("it is no URL: {error}"))?;
        let is_known = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&base.scheme());
        if !is_known {
            return Err("it must begin with http:// or https://".to_owned());
        }
        let authority = base.authority().map_or("", |authority| authority.as_str());
        if authority.contains('@') {
            return Err("a name and a password belong in --otlp-header".to_owned());
        }
        if base.port_u16().is_none() && base.host() != Some(authority) {
            return Err("its port is no number up to 65535".to_owned());
        }
        if base.query().is_some() {
            return Err("it ends with a path, for others come after it".to_owned());
        }
        let prefix = base.path().trim_end_matches('/').to_owned();
        Ok(Self { base, prefix })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, authority) = (self.base.scheme_str(), self.base.authority());
        let authority = authority.map_or("", |authority| authority.as_str());
        write!(f, "{}://{authority}{}", scheme.unwrap_or_default(), self.prefix)
    }
}

impl Endpoint {
    /// Requests need TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.base.scheme() == Some(&Scheme::HTTPS)
    }

    /// Where requests for `path` go.
    pub(super) fn at(&self, path: &str) -> Uri {
        let mut parts = self.base.clone().into_parts();
        parts.path_and_query = PathAndQuery::try_from(format!("{}{path}", self.prefix)).ok();
        Uri::from_parts(parts).unwrap_or_else(|_| self.base.clone())
    }
}

/// A field of requests: `NAME=VALUE`. The value is not shown to anybody.
pub(crate) fn field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once('=').ok_or("it is NAME=VALUE")?;
    let name = name.trim().parse().map_err(|_| "this is no name of a field")?;
    let mut value: HeaderValue = value.trim().parse().map_err(|_| "this is no value of a field")?;
    value.set_sensitive(true);
    Ok((name, value))
}

/// Fields as `OTEL_EXPORTER_OTLP_HEADERS` has them: `NAME=VALUE,…`, values percent-encoded.
pub(crate) fn fields(text: &str) -> Result<HeaderMap, String> {
    let all = (1..).zip(text.split(',')).filter(|(_, entry)| !entry.trim().is_empty());
    let one = |(number, entry)| {
        let entry = percent_decode_str(entry).decode_utf8().map_err(|error| error.to_string());
        entry.and_then(|entry| field(&entry)).map_err(|why| format!("entry {number}: {why}"))
    };
    all.map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_read_and_written_back() {
        let good = ["http://127.0.0.1:4318", "https://[::1]:4318", "http://a", "https://a:1/otlp"];
        for text in good {
            let endpoint = text.parse::<Endpoint>().expect(text);
            assert_eq!(endpoint.to_string(), text);
            assert_eq!(endpoint.at("/v1/traces").to_string(), format!("{text}/v1/traces"));
            assert_eq!(endpoint.is_secure(), text.starts_with("https"));
        }
        let slash = "http://a:1/".parse::<Endpoint>().expect("good");
        assert_eq!((slash.to_string(), slash.at("/b").path()), ("http://a:1".to_owned(), "/b"));
        let bad = [
            "grpc://a:1",
            "a:1",
            "/a",
            "http://a:1/b c",
            "http://a:x",
            "http://a:65536",
            "http://a:b@c",
            "http://a?b",
        ];
        for text in bad {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn fields_come_one_by_one_or_in_a_list() {
        let (name, value) = field("Authorization=Basic a=b").expect("good");
        assert_eq!((name.as_str(), value.as_bytes()), ("authorization", &b"Basic a=b"[..]));
        assert!(!format!("{value:?}").contains("Basic"));
        let all = fields("api-key=a%2Cb, tenant = 7 ,").expect("good");
        assert_eq!(
            (&all["api-key"], &all["tenant"], all.len()),
            (&HeaderValue::from_static("a,b"), &HeaderValue::from_static("7"), 2)
        );
        for text in ["a", "a b=c", "a=b%0Ac"] {
            let why = fields(&format!("x=y,{text}")).expect_err(text);
            assert!(why.starts_with("entry 2: "), "{why}");
        }
    }
}
