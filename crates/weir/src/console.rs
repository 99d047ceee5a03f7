//! A conversation with a running Weir: where it is, how long to wait, how to print.

use std::io::{IsTerminal, stdout};
use std::path::PathBuf;
use std::time::Duration;

use weir_client::proto::request::RequestType;
use weir_client::proto::{Tap, Tapped};
use weir_client::{Answer, Client, Events, Following, Options};
use weir_control::config::{self, ControlSettings};

use crate::commands::start::refused;
use crate::failure::Failure;
use crate::output::{print, print_error, try_print};
use crate::show;

/// What they are called in help texts.
pub(crate) const HEADING: &str = "Options of every command";

/// Options that every command has.
#[derive(clap::Args)]
pub(crate) struct Globals {
    /// Configuration file (TOML).
    #[arg(short, long, global = true, value_name = "FILE", help_heading = HEADING)]
    pub(crate) config: Option<PathBuf>,
    /// Control socket, in place of the `command_socket` of the configuration file.
    #[arg(long, global = true, value_name = "PATH", help_heading = HEADING)]
    pub(crate) socket: Option<PathBuf>,
    /// Print JSON.
    #[arg(short, long, global = true, help_heading = HEADING)]
    pub(crate) json: bool,
    /// Milliseconds to wait for each answer. A command may have a `--timeout` of its own, so
    /// `cli::definition` gives it to each of them.
    #[arg(skip)]
    pub(crate) timeout: Option<u64>,
}

/// How to connect, now and again.
#[derive(Clone)]
pub(crate) struct Connection {
    path: PathBuf,
    options: Options,
}

impl Connection {
    /// Finds Weir.
    pub(crate) fn of(globals: &Globals) -> Result<Self, Failure> {
        let settings = settings(globals)?;
        let path = match (&globals.socket, &settings) {
            (Some(path), _) => path.clone(),
            (None, Some(settings)) => settings.path.clone(),
            (None, None) => return Err(no_socket(globals)),
        };
        Ok(Self { path, options: options(globals, settings.as_ref()) })
    }

    /// Connects.
    pub(crate) fn open(&self) -> Result<Client, weir_client::Error> {
        Client::connect(&self.path, self.options)
    }
}

/// A connection, and how to print what comes of it.
pub(crate) struct Console {
    client: Client,
    json: bool,
}

impl Console {
    /// Finds Weir and connects.
    pub(crate) fn open(globals: &Globals) -> Result<Self, Failure> {
        let client = Connection::of(globals)?.open()?;
        Ok(Self { client, json: globals.json })
    }

    /// The same for what takes its time: unless the line says how long, a minute for each answer.
    pub(crate) fn open_patiently(globals: &Globals) -> Result<Self, Failure> {
        const PATIENCE: u64 = 60_000;
        let timeout = globals.timeout.or(Some(PATIENCE));
        let (config, socket) = (globals.config.clone(), globals.socket.clone());
        Self::open(&Globals { config, socket, json: globals.json, timeout })
    }

    pub(crate) fn is_json(&self) -> bool {
        self.json
    }

    /// True when people look at what is printed as it comes.
    pub(crate) fn is_terminal(&self) -> bool {
        !self.json && stdout().is_terminal()
    }

    /// Asks and waits, for all pages of an answer.
    pub(crate) fn ask(&mut self, request: RequestType) -> Result<Answer, Failure> {
        Ok(self.client.pages(request).together()?)
    }

    /// Asks and waits; people are told how far it is.
    pub(crate) fn ask_with_progress(&mut self, request: RequestType) -> Result<Answer, Failure> {
        let json = self.json;
        Ok(self.client.request_with(request, |progress| {
            if !json {
                print_error(&show::progress(&progress.message));
            }
        })?)
    }

    /// Asks and prints: text for people page by page, as it comes, behind `before`. False: nobody
    /// reads any more.
    pub(crate) fn show_pages(
        &mut self,
        request: RequestType,
        mut before: &str,
    ) -> Result<bool, Failure> {
        if self.json {
            let answer = self.ask(request)?;
            return Ok(try_print(&show::json(&answer)).is_ok());
        }
        let mut shown = show::Paged::default();
        for page in self.client.pages(request) {
            let Some(text) = shown.text(&page?, width()) else { continue };
            if try_print(&format!("{}{text}", std::mem::take(&mut before))).is_err() {
                return Ok(false);
            }
        }
        Ok(shown.end().is_none_or(|text| try_print(text).is_ok()))
    }

    /// Prints an answer.
    pub(crate) fn show(&self, answer: &Answer) {
        print(&self.text(answer));
    }

    /// Prints an answer in another way for people.
    pub(crate) fn show_as(&self, answer: &Answer, text: impl FnOnce(Option<u16>) -> String) {
        print(&if self.json { show::json(answer) } else { text(width()) });
    }

    /// What happens from now on.
    pub(crate) fn into_events(self) -> Result<Events, Failure> {
        Ok(self.client.events()?)
    }

    /// Requests as they end.
    pub(crate) fn into_tap(self, wanted: Tap) -> Result<Following<Tapped>, Failure> {
        Ok(self.client.tap(wanted)?)
    }

    fn text(&self, answer: &Answer) -> String {
        if self.json { show::json(answer) } else { show::text(answer, width()) }
    }
}

/// Those of the file, if there is one.
fn settings(globals: &Globals) -> Result<Option<ControlSettings>, Failure> {
    let Some(path) = &globals.config else { return Ok(None) };
    Ok(config::load(path).map_err(|report| refused(&report))?.main.control)
}

fn no_socket(globals: &Globals) -> Failure {
    match &globals.config {
        Some(config) => Failure::NoControlSocket(config.clone()),
        None => Failure::NoConnection,
    }
}

fn options(globals: &Globals, settings: Option<&ControlSettings>) -> Options {
    let default = Options::default();
    let configured = settings.map(|settings| settings.client_timeout).or(default.timeout);
    Options {
        timeout: globals.timeout.map(Duration::from_millis).or(configured),
        max_frame_bytes: settings.map_or(default.max_frame_bytes, |s| s.max_frame_bytes),
    }
}

/// Columns of the terminal; nothing when it is none.
fn width() -> Option<u16> {
    terminal_size::terminal_size_of(stdout()).map(|(width, _)| width.0)
}
