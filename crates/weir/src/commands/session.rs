//! `session list|show|close`: what is there now.

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::ValueEnum;
use weir_client::proto::request::RequestType;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{CloseLiveSessions, SessionFilter, SessionOrder, SessionQuery};

use crate::console::Console;
use crate::failure::Failure;
use crate::show;

/// What to do about sessions.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Print sessions: connections, streams of HTTP/2 and flows of datagrams.
    List(List),
    /// Print all that is known of some.
    Show(Show),
    /// End sessions as their deadline would: what has no response yet is answered 503.
    Close(Close),
}

/// Which sessions.
#[derive(clap::Args)]
struct Which {
    /// Only those that a cluster serves now.
    #[arg(short = 'k', long, value_delimiter = ',', value_name = "ID,…")]
    cluster: Vec<String>,
    /// Only those of a client: an address, or a block as 192.0.2.0/24.
    #[arg(long, value_delimiter = ',', value_name = "IP[/BITS],…")]
    client: Vec<String>,
    /// Only those that came to a listener.
    #[arg(short, long, value_delimiter = ',', value_name = "IP:PORT,…")]
    listener: Vec<SocketAddr>,
    /// Only those that do this: idle, waiting, responding, pipe, streams, flow…
    #[arg(short, long, value_delimiter = ',', value_name = "STATE,…")]
    state: Vec<String>,
    /// Only those that began before so long: 90s, 5m, 2h, 1d.
    #[arg(short, long, value_name = "TIME", value_parser = millis)]
    older_than: Option<u64>,
    /// Only those of a worker.
    #[arg(short, long, value_delimiter = ',', value_name = "ID,…")]
    worker: Vec<u32>,
}

/// Which sessions, in which order.
#[derive(clap::Args)]
pub(crate) struct List {
    #[command(flatten)]
    which: Which,
    /// At most so many.
    #[arg(short = 'n', long, default_value_t = 100, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=2000))]
    limit: u32,
    /// What comes first.
    #[arg(long, value_enum, default_value_t = Sort::Oldest)]
    sort: Sort,
}

/// What comes first.
#[derive(Clone, Copy, ValueEnum)]
enum Sort {
    /// What has been there for longest.
    Oldest,
    /// What has moved nothing for longest.
    Idlest,
    /// What has brought most bytes.
    MostIn,
    /// What has got most bytes.
    MostOut,
}

/// Which sessions.
#[derive(clap::Args)]
pub(crate) struct Show {
    /// Their names, as in the list and in logs.
    #[arg(required = true, value_name = "SESSION")]
    ids: Vec<String>,
}

/// Which sessions.
#[derive(clap::Args)]
pub(crate) struct Close {
    /// Their names, as in the list and in logs.
    #[arg(value_name = "SESSION")]
    ids: Vec<String>,
    #[command(flatten)]
    which: Which,
    /// Every session there is.
    #[arg(long)]
    all: bool,
}

impl Verb {
    pub(super) fn request(&self) -> RequestType {
        match self {
            Self::List(list) => list.request(),
            Self::Show(show) => show.request(),
            Self::Close(close) => RequestType::CloseLiveSessions(CloseLiveSessions {
                filter: Some(SessionFilter { ids: close.ids.clone(), ..close.which.filter() }),
                all: close.all.then_some(true),
            }),
        }
    }
}

impl Show {
    fn request(&self) -> RequestType {
        let filter = SessionFilter { ids: self.ids.clone(), ..SessionFilter::default() };
        RequestType::QuerySessions(SessionQuery { filter: Some(filter), ..Default::default() })
    }

    /// Asks, prints, and fails when there is none.
    pub(super) fn run(&self, mut console: Console) -> Result<ExitCode, Failure> {
        let answer = console.ask(self.request())?;
        match &answer.content {
            Some(ContentType::SessionList(list)) if !list.sessions.is_empty() => {
                console.show_as(&answer, |width| show::session_details(list, width));
                Ok(ExitCode::SUCCESS)
            }
            _ => Err(Failure::NoSession(self.ids.join(", "))),
        }
    }
}

impl List {
    fn request(&self) -> RequestType {
        let order = match self.sort {
            Sort::Oldest => SessionOrder::Oldest,
            Sort::Idlest => SessionOrder::Idlest,
            Sort::MostIn => SessionOrder::MostIn,
            Sort::MostOut => SessionOrder::MostOut,
        };
        RequestType::QuerySessions(SessionQuery {
            filter: Some(self.which.filter()),
            limit: Some(self.limit),
            order: Some(order.into()),
        })
    }
}

impl Which {
    fn filter(&self) -> SessionFilter {
        SessionFilter {
            ids: Vec::new(),
            clusters: self.cluster.clone(),
            clients: self.client.clone(),
            listeners: self.listener.iter().map(|address| (*address).into()).collect(),
            states: self.state.clone(),
            older_than_ms: self.older_than,
            workers: self.worker.clone(),
        }
    }
}

/// `90s`, `5m`, `2h`, `1d`; a number alone is seconds.
fn millis(text: &str) -> Result<u64, String> {
    let units = [('s', 1_000), ('m', 60_000), ('h', 3_600_000), ('d', 86_400_000)];
    let unit = units.iter().find(|(letter, _)| text.ends_with(*letter));
    let (number, factor) = unit.map_or((text, 1_000), |(_, n)| (&text[..text.len() - 1], *n));
    let number: u64 = number.parse().map_err(|_| "write a time as 90s, 5m, 2h or 1d".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is too long".to_owned())
}
