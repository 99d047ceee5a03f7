//! `weir demo`: the proxy with two built-in backends, in one process group that Ctrl-C ends.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use weir_control::config;

use crate::commands::start::{refused, serve};
use crate::demo::Demo;
use crate::failure::Failure;
use crate::output::print;

/// Time for requests in flight: nobody waits longer after Ctrl-C.
const DRAIN: Duration = Duration::from_secs(5);

/// Arguments of the demonstration.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Port of the proxy, on 127.0.0.1; 0 for any that is free.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Print the configuration and end.
    #[arg(long)]
    print_config: bool,
}

/// Runs until Ctrl-C.
pub(crate) fn run(args: &Args) -> Result<ExitCode, Failure> {
    // Before the backends' threads exist: they inherit what is blocked.
    let signals = weir_main::block_signals()?;
    let demo = Demo::start().map_err(Failure::DemoBackends)?;
    let text = demo.configuration(args.port);
    if args.print_config {
        print(text.trim_end());
        return Ok(ExitCode::SUCCESS);
    }
    let checked = config::check(&text, Path::new("the demo's configuration"))
        .map_err(|report| refused(&report))?;
    let welcome = move |addresses: &[SocketAddr]| {
        for address in addresses {
            print(&demo.welcome(*address));
        }
    };
    serve(checked, None, signals, DRAIN, welcome).map_err(|failure| match failure {
        Failure::Main(weir_main::Error::AddressInUse { .. }) => {
            Failure::DemoPort { port: args.port }
        }
        other => other,
    })
}
