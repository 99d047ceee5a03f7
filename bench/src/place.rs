//! The temporary directory of a run: configurations, bodies, logs.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::process::{Resource, getrlimit};
use tempfile::TempDir;

use crate::server::Server;

/// The body of `/small`.
pub(crate) const SMALL: &str = "0123456789012345678901234567890123456789012345678901234567890123";

/// Connections of a proxy beyond the idle ones that are measured.
const SPARE_CONNECTIONS: usize = 200;
/// Files that Weir wants to be allowed for a client: two sockets and, to splice, a pipe.
const FILES_PER_CLIENT: usize = 4;
/// Files of a proxy beside those of its clients.
const SPARE_FILES: usize = 2_000;

/// Where a run keeps its files. Dropping it removes them.
pub(crate) struct Place {
    dir: TempDir,
    /// How many idle connections a proxy is measured with: 10,000, or as many as
    /// the limit on open files lets every proxy have.
    pub(crate) idle_connections: usize,
}

impl Place {
    pub(crate) fn new() -> io::Result<Self> {
        let files = getrlimit(Resource::Nofile).current.map_or(usize::MAX, |n| n as usize);
        let affordable = files.saturating_sub(SPARE_FILES) / FILES_PER_CLIENT;
        let idle_connections = affordable.saturating_sub(SPARE_CONNECTIONS).min(10_000);
        let place = Self { dir: TempDir::new()?, idle_connections };
        // nginx gives up root; callgrind writes here in its name.
        fs::set_permissions(place.path(), Permissions::from_mode(0o777))?;
        fs::create_dir(place.path().join("www"))?;
        fs::write(place.path().join("www/16k"), vec![0; 16 << 10])?;
        fs::write(place.path().join("www/1m"), vec![0; 1 << 20])?;
        fs::write(place.path().join("wrk.lua"), include_str!("../config/wrk.lua"))?;
        for server in Server::PROXIES.into_iter().chain([Server::Backend]) {
            if let Some((name, template)) = server.config() {
                fs::write(place.path().join(name), place.fill(template, server))?;
            }
        }
        Ok(place)
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Empties the access logs: the next row is not to fill the disk.
    pub(crate) fn empty_logs(&self) -> io::Result<()> {
        for name in ["weir.access", "nginx.access"] {
            File::options().write(true).open(self.path().join(name))?.set_len(0)?;
        }
        Ok(())
    }

    fn fill(&self, template: &str, server: Server) -> String {
        let clients = self.idle_connections + SPARE_CONNECTIONS;
        template
            .replace("@dir@", &self.path().display().to_string())
            .replace("@address@", &server.address().to_string())
            .replace("@backend@", &Server::Backend.address().to_string())
            .replace("@clients@", &clients.to_string())
            .replace("@files@", &(2 * clients).to_string())
            .replace("@small@", SMALL)
    }
}
