//! `metrics enable|disable|clear|get`.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use weir_client::proto::request::RequestType;
use weir_client::proto::{MetricsConfiguration, QueryMetricsOptions};

use crate::console::Console;
use crate::failure::Failure;

/// What to do about metrics.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Gather metrics.
    Enable,
    /// Gather none.
    Disable,
    /// Forget those gathered.
    Clear,
    /// Print them.
    Get(Get),
}

/// Which metrics.
#[derive(clap::Args)]
pub(crate) struct Get {
    /// Only the names of those there are.
    #[arg(short, long)]
    list: bool,
    /// Ask again after so many seconds, until interrupted.
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    refresh: Option<u32>,
    /// Only metrics of these names.
    #[arg(short, long, value_delimiter = ',', value_name = "NAME,…")]
    names: Vec<String>,
    /// Only these clusters.
    #[arg(short = 'k', long, value_delimiter = ',', value_name = "ID,…")]
    clusters: Vec<String>,
    /// Only the clusters of these backends.
    #[arg(short, long, value_delimiter = ',', value_name = "ID,…")]
    backends: Vec<String>,
    /// No metrics of clusters.
    #[arg(long)]
    no_clusters: bool,
    /// Each worker by itself.
    #[arg(short, long)]
    workers: bool,
}

impl Verb {
    pub(super) fn request(&self) -> RequestType {
        let configure = |what: MetricsConfiguration| RequestType::ConfigureMetrics(what.into());
        match self {
            Self::Enable => configure(MetricsConfiguration::Enabled),
            Self::Disable => configure(MetricsConfiguration::Disabled),
            Self::Clear => configure(MetricsConfiguration::Clear),
            Self::Get(get) => get.request(),
        }
    }

    /// Asks and prints.
    pub(super) fn run(&self, mut console: Console) -> Result<ExitCode, Failure> {
        let request = self.request();
        match self {
            Self::Get(Get { refresh: Some(seconds), .. }) => {
                repeat(&mut console, &request, Duration::from_secs((*seconds).into()))?;
            }
            Self::Get(_) => _ = console.show_pages(request, "")?,
            Self::Enable | Self::Disable | Self::Clear => {
                let answer = console.ask(request)?;
                console.show(&answer);
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Get {
    fn request(&self) -> RequestType {
        RequestType::QueryMetrics(QueryMetricsOptions {
            list: self.list,
            cluster_ids: self.clusters.clone(),
            backend_ids: self.backends.clone(),
            metric_names: self.names.clone(),
            no_clusters: self.no_clusters,
            workers: self.workers,
            page: None,
        })
    }
}

/// Prints again and again, in the same place of a terminal.
fn repeat(console: &mut Console, request: &RequestType, period: Duration) -> Result<(), Failure> {
    const TO_THE_TOP_AND_CLEAR: &str = "\x1b[H\x1b[J";
    let clear = if console.is_terminal() { TO_THE_TOP_AND_CLEAR } else { "" };
    while console.show_pages(request.clone(), clear)? {
        thread::park_timeout(period);
    }
    Ok(())
}
