//! Verbs about the processes: `shutdown`, `upgrade`, `logging`, `events`.

use std::process::ExitCode;

use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{HardStop, ReopenLogs, RunState, SoftStop, Status, UpgradeMain};

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
    /// Only this worker, which is started again from the image that main runs.
    #[arg(long, value_name = "ID")]
    worker: Option<u32>,
    /// Only main: workers go on with the version that they were started with.
    #[arg(long, conflicts_with = "worker")]
    main: bool,
}

impl Upgrade {
    pub(super) fn request(&self) -> RequestType {
        match self.worker {
            Some(worker) => RequestType::UpgradeWorker(worker),
            None => RequestType::UpgradeMain(UpgradeMain {}),
        }
    }

    /// Asks, tells how far it is, and goes on with the workers one after the other.
    pub(super) fn run(&self, mut console: Console) -> Result<ExitCode, Failure> {
        let answer = console.ask_with_progress(self.request())?;
        console.show(&answer);
        if self.worker.is_some() || self.main {
            return Ok(ExitCode::SUCCESS);
        }
        let listed = console.ask(RequestType::Status(Status {}))?;
        let Some(ContentType::Workers(workers)) = listed.content else {
            return Ok(ExitCode::SUCCESS);
        };
        for worker in workers.vec.iter().filter(|w| w.run_state() != RunState::Stopping) {
            let answer = console.ask_with_progress(RequestType::UpgradeWorker(worker.id))?;
            console.show(&answer);
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What to log.
#[derive(clap::Args)]
pub(crate) struct Logging {
    /// `level` or `module=level`, separated by commas.
    #[arg(required_unless_present = "reopen")]
    filter: Option<String>,
    /// Open log files again, after they were moved away.
    #[arg(long, conflicts_with = "filter")]
    reopen: bool,
}

impl Logging {
    pub(super) fn request(&self) -> RequestType {
        match &self.filter {
            Some(filter) => RequestType::Logging(filter.clone()),
            None => RequestType::ReopenLogs(ReopenLogs {}),
        }
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
