//! The terminal, the clock and the signals around the model.

use std::io::{self, IsTerminal, stdin, stdout};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crossterm::event::{self, Event, KeyEventKind};
use ratatui::DefaultTerminal;
use weir_sys::{Signal, Signals};

use super::ask;
use super::draw::{draw, place};
use super::model::{Model, News, Step};
use crate::console::Connection;
use crate::failure::Failure;

/// The longest wait for a key before there is a look for news.
const GLANCE: Duration = Duration::from_millis(100);

/// Shows what Weir does until somebody quits; asks it every `period`. The terminal is left as it
/// was, also after SIGTERM and SIGHUP.
pub(crate) fn run(connection: Connection, period: Duration) -> Result<(), Failure> {
    if !stdin().is_terminal() || !stdout().is_terminal() {
        return Err(Failure::NoTerminal);
    }
    // Before there are threads, for these would be ended by a signal otherwise.
    let signals = Signals::block(&[Signal::Terminate, Signal::Hangup, Signal::Interrupt])
        .map_err(Failure::Terminal)?;
    let news = ask::every(period, connection);
    let mut terminal = ratatui::try_init().map_err(Failure::Terminal)?;
    let ended = until_end(&mut terminal, &news, &signals);
    let restored = ratatui::try_restore();
    ended.and(restored).map_err(Failure::Terminal)
}

fn until_end(
    terminal: &mut DefaultTerminal,
    news: &Receiver<News>,
    signals: &Signals,
) -> io::Result<()> {
    let mut model = Model::default();
    let mut is_stale = true;
    while signals.read()?.is_none() {
        is_stale |= take(&mut model, news);
        if is_stale {
            terminal.draw(|frame| draw(&model, frame))?;
        }
        is_stale = event::poll(GLANCE)?;
        if !is_stale {
            continue;
        }
        if let Event::Key(key) = event::read()?
            && key.kind != KeyEventKind::Release
        {
            let place = place(model.view(), terminal.size()?.height);
            if model.press(key, place) == Step::End {
                break;
            }
        }
    }
    Ok(())
}

/// Whether there was anything new.
fn take(model: &mut Model, news: &Receiver<News>) -> bool {
    let mut is_new = false;
    loop {
        match news.try_recv() {
            Ok(news) => model.take(news, now()),
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => return is_new,
        }
        is_new = true;
    }
}

fn now() -> i64 {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH);
    passed.map_or(0, |passed| i64::try_from(passed.as_secs()).unwrap_or(i64::MAX))
}
