//! What the state may say of TCP and of the PROXY protocol.

use weir_route::{PathRule, Position, Rule};

use super::Problem;
use crate::state::{ANY_NAME, Cluster, Listener};

/// Bounds of the bytes of a ClientHello that are looked at.
pub(crate) const LEAST_HELLO_BYTES: u32 = 1024;
pub(crate) const MOST_HELLO_BYTES: u32 = 65_536;
/// Bytes of the name of a protocol, RFC 7301 §3.1.
const LONGEST_PROTOCOL: usize = 255;

/// Bytes of a ClientHello that are looked at.
pub(crate) fn hello_bytes(bytes: u32) -> Result<u32, Problem> {
    if (LEAST_HELLO_BYTES..=MOST_HELLO_BYTES).contains(&bytes) {
        return Ok(bytes);
    }
    Err(Problem::new(format!(
        "`sni_preread_max_bytes` is a number from {LEAST_HELLO_BYTES} to {MOST_HELLO_BYTES}, not \
         {bytes}"
    )))
}

/// Where clients connect to is in the header that they begin with; who may send one is no question
/// where none is expected.
pub(crate) fn proxied(listener: &Listener) -> Result<(), Problem> {
    if listener.expect_proxy && listener.public_address.is_some() {
        let message = "with `expect_proxy`, what clients connect to is in their PROXY protocol \
                       header: there is no `public_address` beside it";
        return Err(Problem::new(message).help("remove one of the two"));
    }
    if !listener.expect_proxy && !listener.proxy_from.is_empty() {
        let message = "`proxy_from` says who may send PROXY protocol headers, which the listener \
                       does not expect";
        return Err(Problem::new(message).help("set `expect_proxy`, or remove `proxy_from`"));
    }
    Ok(())
}

/// The server name of a frontend as the state has it; none is for every client.
pub(crate) fn sni(name: Option<&str>) -> Result<String, Problem> {
    let name = name.unwrap_or(ANY_NAME);
    if name.contains('/') {
        let message = format!("`{name}` is no server name that a client can ask for");
        let help = "write a name, `*.` and a name, or `*`; expressions are for hosts of HTTP";
        return Err(Problem::new(message).help(help));
    }
    let rule = Rule {
        host: name.to_owned(),
        path: PathRule::Prefix(String::new()),
        method: None,
        position: Position::Tree,
    };
    let rule = rule.canonical();
    match weir_route::check(&rule) {
        Ok(_) => Ok(rule.host),
        Err(error) => {
            Err(Problem::new(format!("`{name}` is no server name")).label(error.to_string()))
        }
    }
}

/// The protocols of a frontend, each once; none named is one frontend for any.
pub(crate) fn protocols<'a>(
    names: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<Option<&'a str>>, Problem> {
    let mut all = Vec::new();
    for name in names {
        protocol(name)?;
        if !all.contains(&Some(name)) {
            all.push(Some(name));
        }
    }
    if all.is_empty() {
        all.push(None);
    }
    Ok(all)
}

/// The name of a protocol of ALPN.
fn protocol(name: &str) -> Result<(), Problem> {
    if name.len() > LONGEST_PROTOCOL {
        let message = format!("the name of a protocol has at most {LONGEST_PROTOCOL} bytes");
        return Err(Problem::new(message).label("RFC 7301 §3.1"));
    }
    if name.is_empty() || name.contains(char::is_control) {
        let message = format!("`{}` is no protocol that a client can offer", name.escape_debug());
        return Err(Problem::new(message).help("write a name of ALPN, such as `h2`"));
    }
    Ok(())
}

/// Whether the backends of a cluster can be spoken with for clients of TCP.
pub(crate) fn for_tcp(cluster: &Cluster) -> Result<(), Problem> {
    match cluster.tls.as_deref() {
        Some(tls) if tls.server_name.is_none() => {
            let message = "TLS with the backends of clients of TCP needs a `server_name`: no \
                           request names a host";
            Err(Problem::new(message).help("name what their certificates are for"))
        }
        _ => Ok(()),
    }
}
