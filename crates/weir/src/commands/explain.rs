//! `explain`: what a request would meet.

use std::net::SocketAddr;

use weir_client::proto::ExplainRequest;
use weir_client::proto::request::RequestType;

/// The request.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Its method.
    method: String,
    /// `http://host:port/path?query`, or `https://…`; scheme and port choose the listener.
    url: String,
    /// A field: `name: value`. May be given again.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = field)]
    headers: Vec<String>,
    /// The listener, when the port does not tell.
    #[arg(short, long, value_name = "IP:PORT")]
    address: Option<SocketAddr>,
}

impl Args {
    pub(super) fn request(&self) -> RequestType {
        RequestType::Explain(ExplainRequest {
            method: self.method.clone(),
            url: self.url.clone(),
            headers: self.headers.clone(),
            address: self.address.map(Into::into),
        })
    }
}

fn field(text: &str) -> Result<String, String> {
    match text.split_once(':') {
        Some((name, _)) if !name.trim().is_empty() => Ok(text.to_owned()),
        _ => Err("write `name: value`".into()),
    }
}
