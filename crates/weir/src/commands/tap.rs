//! `tap`: requests as they end.

use std::process::ExitCode;

use weir_client::proto::request::RequestType;
use weir_client::proto::{Tap, Tapped};

use crate::console::Console;
use crate::failure::Failure;
use crate::output::{print_error, try_print};

/// Which requests.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only those of a cluster.
    #[arg(short = 'k', long, value_delimiter = ',', value_name = "ID,…")]
    cluster: Vec<String>,
    /// Only those for a host: shop.example.org, or *.example.org for those below.
    #[arg(long, value_delimiter = ',', value_name = "HOST,…")]
    host: Vec<String>,
    /// Only those with a status: 404, 5xx, or none.
    #[arg(long, value_delimiter = ',', value_name = "STATUS,…")]
    status: Vec<String>,
    /// Only those of a client: an address, or a block as 192.0.2.0/24.
    #[arg(long, value_delimiter = ',', value_name = "IP[/BITS],…")]
    client: Vec<String>,
    /// At most so many of each worker in a second; how many more there were is told.
    #[arg(long, default_value_t = 100, value_name = "COUNT",
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rate: u32,
    /// End after so many.
    #[arg(short = 'n', long, value_name = "COUNT",
          value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
}

impl Args {
    pub(super) fn request(&self, json: bool) -> RequestType {
        RequestType::Tap(self.wanted(json))
    }

    fn wanted(&self, json: bool) -> Tap {
        Tap {
            clusters: self.cluster.clone(),
            hosts: self.host.clone(),
            clients: self.client.clone(),
            statuses: self.status.clone(),
            json: Some(json),
            rate: Some(self.rate),
        }
    }

    /// Prints requests until Weir stops, or until nobody reads them.
    pub(super) fn run(&self, console: Console) -> Result<ExitCode, Failure> {
        let wanted = self.wanted(console.is_json());
        let mut left = self.count.unwrap_or(u64::MAX);
        for tapped in console.into_tap(wanted)? {
            let tapped = tapped?;
            tell_missing(&tapped);
            for record in tapped.records {
                if try_print(&record).is_err() {
                    return Ok(ExitCode::SUCCESS);
                }
                left -= 1;
                if left == 0 {
                    return Ok(ExitCode::SUCCESS);
                }
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Beside the records, so that programs need not tell them apart.
fn tell_missing(tapped: &Tapped) {
    let Tapped { worker, left_out, lost, .. } = tapped;
    if *left_out > 0 {
        print_error(&format!("weir: {left_out} more requests of worker {worker} (see --rate)"));
    }
    if *lost > 0 {
        print_error(&format!("weir: {lost} more requests came faster than they were read"));
    }
}
