//! What changes cost while Weir runs; `bench/control` calls it.
//!
//! Usage: `control-bench [--million-routes] [--million-changes] [--only PART]...`, in the
//! repository; writes `bench/results/DATE-control.md`.
//!
//! * `proxy`, `changes`, `samples`, `traffic`: Weir at work, what it is asked, how long it took,
//!   what else it does meanwhile.
//! * `latency`, `rate`, `many`, `soak`, `peers` (with `haproxy` and `nginx`): what is measured.
//! * `report`: what is written.

mod changes;
mod haproxy;
mod latency;
mod many;
mod nginx;
mod peers;
#[allow(dead_code, reason = "shared, each uses a part")]
mod process;
mod proxy;
mod rate;
mod report;
mod samples;
mod soak;
mod traffic;

use std::process::Command;

use process::said;
use report::Report;

type Error = Box<dyn std::error::Error>;
type Result<T> = std::result::Result<T, Error>;
type Measure = fn(&Options, &mut Report) -> Result<()>;

/// What is measured, in the order of the report.
const PARTS: [(&str, Measure); 5] = [
    ("latency", latency::measure),
    ("rate", rate::measure),
    ("many", many::measure),
    ("soak", soak::measure),
    ("peers", peers::measure),
];

/// Weir before it is asked for changes.
const CONFIG: &str = include_str!("../../../config/control.toml");

const SETTING: &str = "\
`bench/control`: Weir with 2 workers; main, the workers and whoever measures share the cores. \
Where others use them too, p99s are theirs.";

/// What was asked for.
#[derive(Default)]
struct Options {
    million_routes: bool,
    million_changes: bool,
    /// Parts; empty: all.
    only: Vec<String>,
}

fn main() -> Result<()> {
    let options = options()?;
    let date = said(Command::new("date").arg("+%F"))?;
    let mut report = Report::default();
    for (name, measure) in PARTS {
        if options.only.is_empty() || options.only.iter().any(|only| only == name) {
            eprintln!("{name}");
            if let Err(error) = measure(&options, &mut report) {
                report.problem(format!("{name}: {error}"));
            }
        }
    }
    let text = report.text(&format!("{date}: what changes cost"), SETTING)?;
    print!("{text}");
    Ok(std::fs::write(format!("bench/results/{date}-control.md"), text)?)
}

fn options() -> Result<Options> {
    let mut options = Options::default();
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        match &*word {
            "--million-routes" => options.million_routes = true,
            "--million-changes" => options.million_changes = true,
            "--only" => options.only.extend(words.next()),
            _ => return Err(format!("unknown: {word}; see the top of bench/control").into()),
        }
    }
    Ok(options)
}
