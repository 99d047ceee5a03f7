//! What is looked at, and what keys and news do to it.
//!
//! Bounds: [`HISTORY`] rates, [`LONGEST_FILTER`] characters of filter.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::table::{Cell, Row, View, rows};
use crate::watch::{Inventory, Picture, Seen};

/// Rates that are kept of all requests: as many as a wide terminal shows.
const HISTORY: usize = 400;
const LONGEST_FILTER: usize = 60;

/// What is new.
pub(super) enum News {
    /// Weir has answered.
    Picture(Arc<Picture>, Vec<Seen>),
    /// What is configured.
    Inventory(Arc<Inventory>),
    /// Weir does not answer.
    Away(String),
}

/// Whether to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    On,
    End,
}

/// Everything that is drawn.
#[derive(Default)]
pub(super) struct Model {
    view: usize,
    /// By view: the column that is sorted by, and whether from the other end.
    sorted: [Option<(usize, bool)>; View::ALL.len()],
    pub(super) filter: String,
    /// The filter is being typed.
    pub(super) is_typing: bool,
    pub(super) is_paused: bool,
    pub(super) shows_help: bool,
    /// Rows above the first that is seen.
    above: usize,
    pub(super) picture: Arc<Picture>,
    inventory: Arc<Inventory>,
    events: Vec<Seen>,
    /// Of all requests, the newest last.
    pub(super) history: VecDeque<u64>,
    /// Weir has answered once.
    pub(super) has_seen: bool,
    /// Why Weir does not answer.
    pub(super) trouble: Option<String>,
    /// Seconds since 1970.
    now: i64,
}

impl Model {
    pub(super) fn view(&self) -> View {
        View::ALL[self.view]
    }

    /// The column that is sorted by, and whether from the other end.
    pub(super) fn sorted_by(&self) -> (usize, bool) {
        self.sorted[self.view].unwrap_or(self.view().sorted_by())
    }

    /// The rows that are wanted, in the order that is wanted.
    pub(super) fn rows(&self) -> Vec<Row> {
        let view = self.view();
        let mut rows = rows(view, &self.picture, &self.inventory, &self.events, self.now);
        let wanted = self.filter.to_lowercase();
        let has = |cell: &Cell| cell.text.to_lowercase().contains(&wanted);
        rows.retain(|row| row.iter().any(has));
        let (column, is_reversed) = self.sorted_by();
        let is_descending = view.columns()[column].is_number != is_reversed;
        rows.sort_by(|a, b| compare(&a[column], &b[column], is_descending));
        rows
    }

    /// How many of that many rows are above the first that is seen, where `place` are.
    pub(super) fn above(&self, rows: usize, place: usize) -> usize {
        self.above.min(rows.saturating_sub(place))
    }

    /// Takes what is new; nothing but trouble while paused.
    pub(super) fn take(&mut self, news: News, now: i64) {
        match news {
            News::Away(why) => self.trouble = Some(why),
            News::Picture(..) if self.is_paused => self.trouble = None,
            News::Inventory(_) if self.is_paused => {}
            News::Picture(picture, events) => {
                self.trouble = None;
                self.has_seen = true;
                self.now = now;
                if self.history.len() == HISTORY {
                    self.history.pop_front();
                }
                self.history.extend(picture.total.requests.map(|rate| rate.round() as u64));
                self.picture = picture;
                self.events = events;
            }
            News::Inventory(inventory) => self.inventory = inventory,
        }
    }

    /// A key, where the terminal shows `place` rows.
    pub(super) fn press(&mut self, key: KeyEvent, place: usize) -> Step {
        let is_control = key.modifiers.contains(KeyModifiers::CONTROL);
        match key.code {
            KeyCode::Char('c') if is_control => return Step::End,
            _ if self.is_typing => self.type_filter(key.code),
            KeyCode::Char('q') => return Step::End,
            // Any other key closes the help.
            _ if self.shows_help => self.shows_help = false,
            code => self.command(code, place),
        }
        Step::On
    }

    fn type_filter(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.is_typing = false,
            KeyCode::Esc => (self.is_typing, self.filter) = (false, String::new()),
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(c) if self.filter.chars().count() < LONGEST_FILTER => self.filter.push(c),
            _ => {}
        }
        self.above = 0;
    }

    fn command(&mut self, code: KeyCode, place: usize) {
        let page = place.saturating_sub(1).max(1);
        let scroll = |model: &mut Self, to: &dyn Fn(usize) -> usize| {
            let rows = model.rows().len();
            model.above = to(model.above(rows, place)).min(rows.saturating_sub(place));
        };
        let views = View::ALL.len();
        match code {
            KeyCode::Char(c @ '1'..='7') => self.show(c as usize - '1' as usize),
            KeyCode::Tab => self.show((self.view + 1) % views),
            KeyCode::BackTab => self.show((self.view + views - 1) % views),
            KeyCode::Char('?' | 'h') => self.shows_help = true,
            KeyCode::Char(' ') => self.is_paused = !self.is_paused,
            KeyCode::Char('/') => self.is_typing = true,
            KeyCode::Esc => self.filter.clear(),
            KeyCode::Left | KeyCode::Char('<') => self.sort_by_next(-1),
            KeyCode::Right | KeyCode::Char('>') => self.sort_by_next(1),
            KeyCode::Char('r') => {
                let (column, is_reversed) = self.sorted_by();
                self.sorted[self.view] = Some((column, !is_reversed));
            }
            KeyCode::Up | KeyCode::Char('k') => scroll(self, &|above| above.saturating_sub(1)),
            KeyCode::Down | KeyCode::Char('j') => scroll(self, &|above| above + 1),
            KeyCode::PageUp => scroll(self, &|above| above.saturating_sub(page)),
            KeyCode::PageDown => scroll(self, &|above| above + page),
            KeyCode::Home | KeyCode::Char('g') => self.above = 0,
            KeyCode::End | KeyCode::Char('G') => scroll(self, &|_| usize::MAX),
            _ => {}
        }
    }

    fn show(&mut self, view: usize) {
        (self.view, self.above) = (view, 0);
    }

    fn sort_by_next(&mut self, step: isize) {
        let columns = self.view().columns().len();
        let column = (self.sorted_by().0 + columns).wrapping_add_signed(step) % columns;
        self.sorted[self.view] = Some((column, false));
        self.above = 0;
    }
}

/// What is not known comes last in any order; equal cells stay as they were.
fn compare(a: &Cell, b: &Cell, is_descending: bool) -> Ordering {
    let order = match (a.value, b.value) {
        (Some(a), Some(b)) => a.total_cmp(&b),
        (None, None) => a.text.cmp(&b.text),
        (a, b) => return b.is_some().cmp(&a.is_some()),
    };
    if is_descending { order.reverse() } else { order }
}
