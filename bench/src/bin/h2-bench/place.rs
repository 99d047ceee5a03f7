//! The temporary directory of the servers: certificate, configurations, bodies, logs.

use std::fs::{self, File, Permissions};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::Result;
use crate::authority::{Authority, KINDS};
use crate::proxy::local;
use crate::server::Server;
use crate::sink;

/// Files that a server may have open.
const FILES: &str = "4000";

/// Where the servers keep their files. Dropping it removes them.
pub(crate) struct Place {
    dir: TempDir,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        let place = Self { dir: TempDir::new()? };
        // nginx gives up root.
        fs::set_permissions(place.path(), Permissions::from_mode(0o755))?;
        fs::create_dir(place.path().join("www"))?;
        fs::write(place.path().join("www/16k"), vec![0; 16 << 10])?;
        fs::write(place.path().join("www/10m"), vec![0; 10 << 20])?;
        let issued = Authority::new()?.issue("*.bench.example", KINDS[0].1)?;
        fs::write(place.path().join("leaf.pem"), issued.certificate)?;
        fs::write(place.path().join("leaf.pem.key"), issued.key)?;
        for server in Server::PROXIES.into_iter().chain([Server::Backend]) {
            let text = place.fill(server);
            fs::write(place.path().join(server.config_name()), text)?;
        }
        Ok(place)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Empties the access logs: they are not to fill the disk.
    pub(crate) fn empty_logs(&self) -> Result<()> {
        for name in ["weir.access", "nginx.access", "nghttpx.access"] {
            File::options().write(true).open(self.path().join(name))?.set_len(0)?;
        }
        Ok(())
    }

    fn fill(&self, server: Server) -> String {
        let places = [
            ("clear", server.clear()),
            ("tls", server.tls()),
            ("one", local(19_300)),
            ("two", local(19_301)),
            ("silent", silent()),
            ("sink", sink::address()),
        ];
        let text = server.template().replace("@dir@", &self.path().display().to_string());
        places.into_iter().fold(text.replace("@files@", FILES), |text, (name, address)| {
            let with_comma = format!("{},{}", address.ip(), address.port());
            let text = text.replace(&format!("@{name},@"), &with_comma);
            text.replace(&format!("@{name}@"), &address.to_string())
        })
    }
}

/// Where a backend takes connections and never answers.
pub(crate) fn silent() -> SocketAddr {
    local(19_302)
}
