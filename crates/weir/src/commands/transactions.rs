//! Verbs about the state as a sequence of epochs: `apply`, `diff`, `reload`, `history`, `show`,
//! `rollback`, `drift`.

use std::path::{self, Path, PathBuf};
use std::process::ExitCode;

use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{ApplyConfiguration, HistoryQuery, Rollback as RollbackRequest};

use super::files::{file_failure, read, text_of};
use crate::console::Console;
use crate::failure::Failure;

/// Exit code of `diff` when something differs.
const DIFFERENT: u8 = 1;

/// Whether to do it.
#[derive(clap::Args)]
struct Conditions {
    /// Only say what would change.
    #[arg(long)]
    dry_run: bool,
    /// Refuse unless this epoch is in use.
    #[arg(long, value_name = "EPOCH")]
    if_epoch: Option<u64>,
}

/// What shall be.
#[derive(clap::Args)]
pub(crate) struct Apply {
    /// The configuration file.
    #[arg(short, long)]
    file: PathBuf,
    #[command(flatten)]
    conditions: Conditions,
}

impl Apply {
    pub(super) fn request(&self) -> Result<RequestType, Failure> {
        let Conditions { dry_run, if_epoch } = self.conditions;
        let message = configuration(&self.file)?;
        Ok(RequestType::ApplyConfiguration(ApplyConfiguration {
            if_epoch,
            dry_run: dry_run.then_some(true),
            client: Some("weir apply".into()),
            ..message
        }))
    }
}

/// What to compare with.
#[derive(clap::Args)]
pub(crate) struct Diff {
    /// The configuration file.
    #[arg(short, long)]
    file: PathBuf,
}

impl Diff {
    pub(super) fn request(&self) -> Result<RequestType, Failure> {
        let message = configuration(&self.file)?;
        Ok(RequestType::ApplyConfiguration(ApplyConfiguration {
            dry_run: Some(true),
            client: Some("weir diff".into()),
            ..message
        }))
    }

    /// The exit code is 0 when nothing differs, 1 when something does, 2 when nobody knows.
    pub(super) fn run(&self, mut console: Console) -> Result<ExitCode, Failure> {
        let answer = self.request().and_then(|request| console.ask(request));
        let answer = answer.map_err(|failure| Failure::Diff(Box::new(failure)))?;
        console.show(&answer);
        let same = match &answer.content {
            Some(ContentType::Transaction(result)) => result.changes.is_empty(),
            _ => true,
        };
        Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
    }
}

/// What to read again.
#[derive(clap::Args)]
pub(crate) struct Reload {
    /// Another file, as Weir names it; what it lacks is not removed.
    #[arg(short, long)]
    file: Option<PathBuf>,
}

impl Reload {
    pub(super) fn request(&self) -> Result<RequestType, Failure> {
        Ok(match &self.file {
            Some(file) => RequestType::ReloadConfiguration(text_of(file)?),
            None => RequestType::ApplyConfiguration(ApplyConfiguration {
                client: Some("weir reload".into()),
                ..ApplyConfiguration::default()
            }),
        })
    }
}

/// How much of the history.
#[derive(clap::Args)]
pub(crate) struct History {
    /// At most so many epochs.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
}

impl History {
    pub(super) fn request(&self) -> RequestType {
        RequestType::QueryHistory(HistoryQuery { limit: self.limit, before: None })
    }
}

/// Which epoch.
#[derive(clap::Args)]
pub(crate) struct Show {
    /// The epoch.
    epoch: u64,
}

impl Show {
    pub(super) fn request(&self) -> RequestType {
        RequestType::ShowEpoch(self.epoch)
    }
}

/// What shall be again.
#[derive(clap::Args)]
pub(crate) struct Rollback {
    /// The epoch.
    epoch: u64,
    #[command(flatten)]
    conditions: Conditions,
}

impl Rollback {
    pub(super) fn request(&self) -> RequestType {
        let Conditions { dry_run, if_epoch } = self.conditions;
        RequestType::Rollback(RollbackRequest {
            epoch: self.epoch,
            if_epoch,
            dry_run: dry_run.then_some(true),
            client: Some("weir rollback".into()),
        })
    }
}

/// The text of a file, and where it comes from.
fn configuration(file: &Path) -> Result<ApplyConfiguration, Failure> {
    let origin = path::absolute(file).map_err(|error| file_failure(file, error))?;
    Ok(ApplyConfiguration {
        text: Some(read(file)?),
        origin: Some(text_of(&origin)?),
        ..ApplyConfiguration::default()
    })
}
