//! The temporary directory of the peers: certificates, configurations, bodies, logs.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tempfile::TempDir;

use crate::Result;
use crate::authority::{Authority, KINDS};
use crate::proxy::backend;
use crate::server::{Port, Server};

/// The host of all requests.
pub(crate) const HOST: &str = "bench.example";
/// The body of `/small`.
pub(crate) const SMALL: &str = "0123456789012345678901234567890123456789012345678901234567890123";
/// Connections that a proxy may have.
const CLIENTS: usize = 3_000;

/// Where the servers keep their files. Dropping it removes them.
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) authority: Authority,
}

impl Place {
    pub(crate) fn new() -> Result<Self> {
        let place = Self { dir: TempDir::new()?, authority: Authority::new()? };
        // nginx gives up root.
        fs::set_permissions(place.path(), Permissions::from_mode(0o755))?;
        fs::create_dir(place.path().join("www"))?;
        fs::write(place.path().join("www/16k"), vec![0; 16 << 10])?;
        fs::write(place.path().join("www/1m"), vec![0; 1 << 20])?;
        for (name, kind) in KINDS {
            let issued = place.authority.issue(HOST, kind)?;
            fs::write(place.path().join(format!("{name}.pem")), issued.certificate)?;
            fs::write(place.path().join(format!("{name}.pem.key")), issued.key)?;
        }
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
        for name in ["weir.access", "nginx.access"] {
            File::options().write(true).open(self.path().join(name))?.set_len(0)?;
        }
        Ok(())
    }

    fn fill(&self, server: Server) -> String {
        let address = |port| server.address(port).to_string();
        server
            .template()
            .replace("@dir@", &self.path().display().to_string())
            .replace("@clear@", &address(Port::Clear))
            .replace("@ecdsa@", &address(Port::Ecdsa))
            .replace("@rsa@", &address(Port::Rsa))
            .replace("@address@", &backend().to_string())
            .replace("@backend@", &backend().to_string())
            .replace("@host@", HOST)
            .replace("@clients@", &CLIENTS.to_string())
            .replace("@files@", &(2 * CLIENTS).to_string())
            .replace("@small@", SMALL)
    }
}
