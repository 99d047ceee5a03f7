//! Verbs about the processes: `shutdown`, `upgrade`, `logging`, `events`.

use std::process::ExitCode;

use weir_client::proto::request::RequestType;
use weir_client::proto::{HardStop, SoftStop, UpgradeMain};

use crate::console::Console;
use crate::failure::Failure;
use crate::output::try_print;
use crate::show;

/// How to stop.
#[derive(clap::Args)]
pub(crate) struct Shutdown {
    /// Cut what is in flight.
    #[arg(long)]
    hard: bool,
}

impl Shutdown {
    pub(super) fn request(&self) -> RequestType {
        if self.hard {
            RequestType::HardStop(HardStop {})
        } else {
            RequestType::SoftStop(SoftStop {})
        }
    }
}

/// What to replace.
#[derive(clap::Args)]
pub(crate) struct Upgrade {
    /// Only this worker.
    #[arg(long, value_name = "ID")]
    worker: Option<u32>,
}

impl Upgrade {
    pub(super) fn request(&self) -> RequestType {
        match self.worker {
            Some(worker) => RequestType::UpgradeWorker(worker),
            None => RequestType::UpgradeMain(UpgradeMain {}),
        }
    }
}

/// What to log.
#[derive(clap::Args)]
pub(crate) struct Logging {
    /// `level` or `module=level`, separated by commas.
    filter: String,
}

impl Logging {
    pub(super) fn request(&self) -> RequestType {
        RequestType::Logging(self.filter.clone())
    }
}

/// Prints events until Weir stops, or until nobody reads them.
pub(super) fn follow(console: Console) -> Result<ExitCode, Failure> {
    let json = console.is_json();
    for told in console.into_events()? {
        let told = told?;
        let line = if json { show::event_json(&told).to_string() } else { show::event(&told) };
        if try_print(&line).is_err() {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}
