//! `weir workers`: how many there are.

use weir_client::proto::request::RequestType;

/// What to do.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Run that many workers from now on; no connection is lost.
    Set {
        /// How many. A start begins with `worker_count` of the configuration file again.
        #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
        count: u32,
    },
}

impl Verb {
    pub(super) fn request(&self) -> RequestType {
        let Self::Set { count } = self;
        RequestType::SetWorkerCount(*count)
    }
}
