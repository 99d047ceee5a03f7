//! Verbs about the state as a whole: `state save|load|stats`.

use std::path::{self, PathBuf};

use weir_client::proto::CountRequests;
use weir_client::proto::request::RequestType;

use super::files::{file_failure, text_of};
use crate::failure::Failure;

/// What to do with the state.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Write the state to a file.
    Save {
        /// The file; Weir writes it.
        #[arg(short, long)]
        file: PathBuf,
    },
    /// Make the changes that a state file holds.
    Load {
        /// The file, as Weir names it.
        #[arg(short, long)]
        file: PathBuf,
    },
    /// Count requests by kind.
    Stats,
}

impl Verb {
    pub(super) fn request(&self) -> Result<RequestType, Failure> {
        Ok(match self {
            Self::Save { file } => {
                let file = path::absolute(file).map_err(|error| file_failure(file, error))?;
                RequestType::SaveState(text_of(&file)?)
            }
            Self::Load { file } => RequestType::LoadState(text_of(file)?),
            Self::Stats => RequestType::CountRequests(CountRequests {}),
        })
    }
}
