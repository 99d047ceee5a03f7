//! Verbs that ask a running Weir for something: each is a request, and what is printed of the
//! answer.

use std::process::ExitCode;

use weir_client::proto::request::RequestType;
use weir_client::proto::{DriftQuery, Status, SubscribeEvents};

use super::{
    backend, certificate, cluster, connection_limit, explain, frontend, list, listener, metrics,
    process, session, state, tap, transactions, workers,
};
use crate::console::{Console, Globals};
use crate::failure::Failure;
use crate::show;

/// What to ask for.
#[derive(clap::Subcommand)]
pub(crate) enum Verb {
    /// Stop Weir; requests in flight are finished.
    Shutdown(process::Shutdown),
    /// Put the program that is installed now in the place of the running one.
    Upgrade(process::Upgrade),
    /// Print the workers and how they are.
    Status,
    /// Change how many workers there are.
    #[command(subcommand)]
    Workers(workers::Verb),
    /// Change what is logged.
    Logging(process::Logging),
    /// Make the state equal to the file that Weir was started with, read again.
    Reload(transactions::Reload),
    /// Print what happens, as it happens.
    Events,
    /// Print requests as they end, beside all logs.
    Tap(tap::Args),
    /// Save, load and count.
    #[command(subcommand)]
    State(state::Verb),
    /// Numbers about traffic.
    #[command(subcommand)]
    Metrics(metrics::Verb),
    /// Connections, streams and flows that are there now.
    #[command(subcommand)]
    Session(session::Verb),
    /// Groups of backends.
    #[command(subcommand)]
    Cluster(cluster::Verb),
    /// Servers of a cluster.
    #[command(subcommand)]
    Backend(backend::Verb),
    /// Which requests go to which cluster.
    #[command(subcommand)]
    Frontend(frontend::Verb),
    /// Addresses to accept connections on.
    #[command(subcommand)]
    Listener(listener::Verb),
    /// Certificates of HTTPS listeners.
    #[command(subcommand)]
    Certificate(certificate::Verb),
    /// Lists of addresses that listeners and frontends serve, or do not.
    #[command(subcommand)]
    List(list::Verb),
    /// Connections of one source address.
    #[command(subcommand)]
    ConnectionLimit(connection_limit::Verb),
    /// Make the state equal to a configuration file, in one step; what it lacks is removed.
    Apply(transactions::Apply),
    /// Print how the state differs from a configuration file. Exit code: 1 if it does.
    Diff(transactions::Diff),
    /// Print the last changes.
    History(transactions::History),
    /// Print what one epoch changed.
    Show(transactions::Show),
    /// Make the state what it was in an epoch, in one step.
    Rollback(transactions::Rollback),
    /// Print which listener, frontend, cluster and backends a request would meet, and why.
    Explain(explain::Args),
    /// Print whether each worker has the state of main.
    Drift,
}

impl Verb {
    /// The request that it begins with.
    pub(crate) fn request(&self) -> Result<RequestType, Failure> {
        Ok(match self {
            Self::Shutdown(args) => args.request(),
            Self::Upgrade(args) => args.request(),
            Self::Status => RequestType::Status(Status {}),
            Self::Workers(verb) => verb.request(),
            Self::Logging(args) => args.request(),
            Self::Reload(args) => args.request()?,
            Self::Events => RequestType::SubscribeEvents(SubscribeEvents {}),
            Self::Tap(args) => args.request(false),
            Self::State(verb) => verb.request()?,
            Self::Metrics(verb) => verb.request(),
            Self::Session(verb) => verb.request(),
            Self::Cluster(verb) => verb.request()?,
            Self::Backend(verb) => verb.request(),
            Self::Frontend(verb) => verb.request(),
            Self::Listener(verb) => verb.request()?,
            Self::Certificate(verb) => verb.request()?,
            Self::List(verb) => verb.request()?,
            Self::ConnectionLimit(verb) => verb.request(),
            Self::Apply(args) => args.request()?,
            Self::Diff(args) => args.request()?,
            Self::History(args) => args.request(),
            Self::Show(args) => args.request(),
            Self::Rollback(args) => args.request(),
            Self::Explain(args) => args.request(),
            Self::Drift => RequestType::QueryDrift(DriftQuery {}),
        })
    }

    /// Asks and prints.
    pub(crate) fn run(&self, globals: &Globals) -> Result<ExitCode, Failure> {
        match self {
            Self::Events => process::follow(Console::open(globals)?),
            Self::Tap(args) => args.run(Console::open(globals)?),
            Self::Upgrade(args) => args.run(Console::open_patiently(globals)?),
            Self::Workers(verb) => {
                let mut console = Console::open_patiently(globals)?;
                let answer = console.ask_with_progress(verb.request())?;
                console.show(&answer);
                Ok(ExitCode::SUCCESS)
            }
            Self::Diff(args) => {
                let console = Console::open(globals);
                args.run(console.map_err(|failure| Failure::Diff(Box::new(failure)))?)
            }
            Self::List(verb) => verb.run(Console::open(globals)?),
            Self::Metrics(verb) => verb.run(Console::open(globals)?),
            Self::Session(session::Verb::Show(show)) => show.run(Console::open(globals)?),
            Self::Cluster(cluster::Verb::H2(verb)) => verb.run(Console::open(globals)?),
            _ => self.ask(globals),
        }
    }

    fn ask(&self, globals: &Globals) -> Result<ExitCode, Failure> {
        // Before the connection: it may have a mistake of its own.
        let request = self.request()?;
        let mut console = Console::open(globals)?;
        let mut answer = console.ask(request)?;
        let shows_key = matches!(self, Self::Certificate(verb) if verb.shows_key());
        if let Some(content) = answer.content.as_mut().filter(|_| !shows_key) {
            show::without_keys(content);
        }
        console.show(&answer);
        Ok(ExitCode::SUCCESS)
    }
}
