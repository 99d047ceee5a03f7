//! Weir's main as it is, except that its workers run under callgrind.
//!
//! Valgrind cannot run main itself: main executes `/proc/self/exe`, which is valgrind there.
//!
//! Usage: `callgrind-main CONFIG`, and as main starts it, `callgrind-main worker …`. What runs a
//! worker is in the environment, see [`COMMAND`].

use std::error::Error;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use weir_control::config;
use weir_main::Plan;

/// Words, separated by spaces, to execute a worker's arguments with.
const COMMAND: &str = "WEIR_BENCH_WORKER";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match &arguments[..] {
        [first, ..] if first == "worker" => worker(&arguments),
        [path] => serve(Path::new(path)),
        _ => Err("usage: callgrind-main CONFIG".into()),
    }
}

fn worker(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let words = std::env::var(COMMAND)?;
    let mut words = words.split(' ');
    let program = words.next().unwrap_or_default();
    Err(Command::new(program).args(words).args(arguments).exec().into())
}

fn serve(path: &Path) -> Result<(), Box<dyn Error>> {
    let checked = config::load(path).map_err(|report| report.render(false))?;
    let plan = Plan {
        control: None,
        tls: Default::default(),
        metrics: Default::default(),
        files: weir_main::Files::default(),
        state: checked.state,
        settings: checked.settings,
        worker_count: checked.main.worker_count,
        clients: checked.main.clients,
        automatic_restart: false,
        worker_timeout: checked.main.worker_timeout,
        pin_workers: false,
        pid_file: None,
        drain_timeout: Duration::from_secs(2),
        executable: None,
    };
    weir_main::run(plan, weir_main::block_signals()?, None, |_| {})?;
    Ok(())
}
