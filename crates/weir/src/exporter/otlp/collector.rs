//! A client of a collector: reports go out on a connection that is kept.
//!
//! Must not know: what is sent. Bounds: [`PATIENCE`] for an answer, [`ANSWER`] bytes of it.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use prost::Message;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::{ClientConfig, RootCertStore};
use tokio::time::timeout;
use weir_tls::{Der, system_authorities};

use super::target::{Endpoint, Target};

const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER: usize = 64 << 10;
/// A connection that is not used is kept for so long.
const KEPT: Duration = Duration::from_secs(90);
/// No collector has us wait longer.
const LONGEST: Duration = Duration::from_secs(300);

/// Why a report was not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) why: String,
    /// It may be sent again when that much time has passed; `None`: it would be refused again.
    pub(super) again: Option<Duration>,
}

/// A collector that reports can be sent to.
pub(super) struct Collector {
    endpoint: Endpoint,
    fields: HeaderMap,
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl fmt::Display for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.fmt(f)
    }
}

/// A message as it is sent: protobuf, gzip.
pub(super) fn packed(message: &impl Message) -> Bytes {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    // Memory takes everything.
    let _ = packed.write_all(&message.encode_to_vec());
    packed.finish().unwrap_or_default().into()
}

impl Collector {
    /// # Errors
    /// A sentence about authorities that are missing.
    pub(super) fn new(target: Target) -> Result<Self, String> {
        let Target { endpoint, mut fields, authorities } = target;
        let authorities = match authorities {
            Some(authorities) => authorities,
            None if endpoint.is_secure() => system_authorities(),
            None => Vec::new(),
        };
        if endpoint.is_secure() && authorities.is_empty() {
            return Err("this system trusts no authority: name one with --otlp-ca".to_owned());
        }
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(settings(&authorities)?)
            .https_or_http()
            .enable_http1()
            .build();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEPT)
            .build(connector);
        let own = [
            (header::CONTENT_TYPE, "application/x-protobuf"),
            (header::CONTENT_ENCODING, "gzip"),
            (header::USER_AGENT, concat!("weir/", env!("CARGO_PKG_VERSION"))),
        ];
        for (name, value) in own {
            fields.insert(name, HeaderValue::from_static(value));
        }
        Ok(Self { endpoint, fields, client })
    }

    /// Sends what is [`packed`]; what the collector says to it.
    pub(super) async fn post(&self, path: &str, body: &Bytes) -> Result<Bytes, Refusal> {
        let mut request = Request::new(Full::new(body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.endpoint.at(path);
        request.headers_mut().clone_from(&self.fields);
        let exchange = async {
            let (head, body) = self.client.request(request).await?.into_parts();
            let body = Limited::new(body, ANSWER).collect().await?.to_bytes();
            Ok::<_, Box<dyn Error + Send + Sync>>(Response::from_parts(head, body))
        };
        let again = Some(Duration::ZERO);
        match timeout(PATIENCE, exchange).await {
            Ok(Ok(answer)) => judged(answer, SystemTime::now()),
            Ok(Err(error)) => Err(Refusal { why: chain(&*error), again }),
            Err(_) => {
                let why = format!("no answer within {} s", PATIENCE.as_secs());
                Err(Refusal { why, again })
            }
        }
    }
}

fn settings(authorities: &[Der]) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    let all = authorities.iter().map(|der| CertificateDer::from(der.bytes().to_vec()));
    roots.add_parsable_certificates(all);
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

/// Which answers are worth another attempt: OTLP 1, "Failures" of OTLP/HTTP.
fn judged(answer: Response<Bytes>, now: SystemTime) -> Result<Bytes, Refusal> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer.into_body());
    }
    let is_passing = [
        StatusCode::TOO_MANY_REQUESTS,
        StatusCode::BAD_GATEWAY,
        StatusCode::SERVICE_UNAVAILABLE,
        StatusCode::GATEWAY_TIMEOUT,
    ]
    .contains(&status);
    let again = is_passing.then(|| retry_after(answer.headers(), now).unwrap_or_default());
    Err(Refusal { why: format!("the answer is {status}"), again })
}

/// RFC 9110, 10.2.3
fn retry_after(fields: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = fields.get(header::RETRY_AFTER)?.to_str().ok()?;
    let wanted = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => httpdate::parse_http_date(text).ok()?.duration_since(now).unwrap_or_default(),
    };
    Some(wanted.min(LONGEST))
}

/// An error with what it comes from.
fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let _ = write!(text, ": {cause}");
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an answer comes to, at the beginning of 1994-11-06, 08:49:37.
    fn of(status: u16, after: &str) -> Result<(), Option<u64>> {
        let answer = Response::builder().status(status).header(header::RETRY_AFTER, after);
        let now = httpdate::parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").expect("a date");
        let answer = judged(answer.body(Bytes::new()).expect("good"), now);
        answer.map(drop).map_err(|refusal| refusal.again.map(|again| again.as_secs()))
    }

    #[test]
    fn what_may_pass_is_worth_another_attempt() {
        assert_eq!(of(200, ""), Ok(()));
        for status in [429, 502, 503, 504] {
            assert_eq!(of(status, ""), Err(Some(0)));
            assert_eq!(of(status, "7"), Err(Some(7)));
        }
        assert_eq!(of(503, "Sun, 06 Nov 1994 08:49:57 GMT"), Err(Some(20)));
        assert_eq!(of(503, "Sun, 06 Nov 1994 08:48:57 GMT"), Err(Some(0)));
        assert_eq!(of(503, "86400"), Err(Some(300)));
        for status in [301, 400, 401, 404, 413, 500, 501] {
            assert_eq!(of(status, "7"), Err(None));
        }
    }
}
