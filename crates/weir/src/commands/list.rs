//! `list add|remove|delete|show`: lists of addresses.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{AddressListQuery, ChangeAddressList};

use crate::console::Console;
use crate::failure::Failure;

/// What to do about lists of addresses.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Add blocks to a list; it is made if there is none.
    Add(Blocks),
    /// Remove blocks from a list.
    Remove(Blocks),
    /// Remove a list as a whole; no listener and no frontend may name it.
    Delete {
        /// The list.
        name: String,
    },
    /// Print all lists and how many blocks they have, or the blocks of one.
    Show {
        /// The list.
        name: Option<String>,
    },
}

/// Blocks of a list.
#[derive(clap::Args)]
pub(crate) struct Blocks {
    /// The list.
    name: String,
    /// Blocks, as 192.0.2.0/24, and addresses.
    #[arg(value_name = "CIDR")]
    blocks: Vec<String>,
    /// A file with others, one a line; `#` begins a remark.
    #[arg(short, long, value_name = "PATH")]
    file: Option<PathBuf>,
}

impl Verb {
    pub(super) fn request(&self) -> Result<RequestType, Failure> {
        let change = |name: &str| ChangeAddressList { name: name.to_owned(), ..Default::default() };
        Ok(match self {
            Self::Add(blocks) => {
                let change = ChangeAddressList { add: blocks.all()?, ..change(&blocks.name) };
                RequestType::ChangeAddressList(change)
            }
            Self::Remove(blocks) => {
                let change = ChangeAddressList { remove: blocks.all()?, ..change(&blocks.name) };
                RequestType::ChangeAddressList(change)
            }
            Self::Delete { name } => RequestType::RemoveAddressList(name.clone()),
            Self::Show { name } => {
                let query = AddressListQuery { name: name.clone(), ..Default::default() };
                RequestType::QueryAddressLists(query)
            }
        })
    }

    /// Asks, page after page, and prints.
    pub(super) fn run(&self, mut console: Console) -> Result<ExitCode, Failure> {
        let mut answer = console.ask(self.request()?)?;
        if let Some(ContentType::AddressLists(lists)) = &mut answer.content
            && let [list] = &mut lists.lists[..]
            && let Self::Show { name: name @ Some(_) } = self
        {
            while (list.blocks.len() as u64) < list.size {
                let after = list.blocks.last().cloned();
                let query = AddressListQuery { name: name.clone(), after, limit: None };
                let more = console.ask(RequestType::QueryAddressLists(query))?;
                let Some(ContentType::AddressLists(more)) = more.content else { break };
                let blocks = more.lists.into_iter().flat_map(|list| list.blocks);
                let before = list.blocks.len();
                list.blocks.extend(blocks);
                if list.blocks.len() == before {
                    break;
                }
            }
        }
        console.show(&answer);
        Ok(ExitCode::SUCCESS)
    }
}

impl Blocks {
    fn all(&self) -> Result<Vec<String>, Failure> {
        let mut blocks = self.blocks.clone();
        if let Some(path) = &self.file {
            let text = fs::read_to_string(path).map_err(|error| {
                Failure::Arguments(format!("{} cannot be read: {error}", path.display()))
            })?;
            let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
            blocks.extend(lines.filter(|line| !line.is_empty()).map(str::to_owned));
        }
        Ok(blocks)
    }
}
