//! How the model looks, on at least 80 columns and 24 rows.
//!
//! Colours only stress what is said in words or by weight.

use ratatui::Frame;
use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style, Stylize};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, RenderDirection, Sparkline, Table};

use super::model::Model;
use super::number::{bytes, ms, rate};
use super::table::{Cell, Column, Row, View};

const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);
const SOFT: Style = Style::new().fg(Color::DarkGray);
const GOOD: Style = Style::new().fg(Color::Green);

/// Rows of numbers in the overview, and of its curve.
const SUMMARY: u16 = 4;
const CURVE: u16 = 5;

const HELP: [(&str, &str); 11] = [
    ("1 … 7, Tab", "choose what is shown"),
    ("← → or < >", "sort by another column"),
    ("r", "sort from the other end"),
    ("/", "show only rows with a text; Enter keeps it, Esc ends it"),
    ("↑ ↓ or k j", "scroll by a row"),
    ("PgUp PgDn", "scroll by a page; Home and End go to the ends"),
    ("space", "pause, and go on"),
    ("?", "this help; any key closes it"),
    ("q, Ctrl-C", "quit"),
    ("", ""),
    ("", "Rates are of the last seconds, percentiles of the last ten."),
];

/// The rows of the table that a terminal of that many rows has place for.
pub(super) fn place(view: View, height: u16) -> usize {
    let summary = if view == View::Overview { SUMMARY + CURVE } else { 0 };
    // The two lines of the head, the header of the table, the foot.
    usize::from(height.saturating_sub(summary + 4))
}

pub(super) fn draw(model: &Model, frame: &mut Frame<'_>) {
    let rows = [Constraint::Length(2), Constraint::Fill(1), Constraint::Length(1)];
    let [head, body, foot] = Layout::vertical(rows).areas(frame.area());
    frame.render_widget(Paragraph::new(vec![tabs(model), state(model)]), head);
    let body = if model.view() == View::Overview { overview(model, frame, body) } else { body };
    table(model, frame, body);
    frame.render_widget(footer(model), foot);
    if model.shows_help {
        help(frame);
    }
}

fn tabs(model: &Model) -> Line<'static> {
    let tabs = View::ALL.iter().enumerate().flat_map(|(i, view)| {
        let text = format!("{} {}", i + 1, view.title());
        let is_shown = *view == model.view();
        [" ".into(), if is_shown { text.reversed().bold() } else { text.into() }]
    });
    Line::from_iter(tabs)
}

fn state(model: &Model) -> Line<'static> {
    let picture = &model.picture;
    let mut line = vec![Span::raw(" ")];
    match &model.trouble {
        Some(why) => {
            let why = why.replace(char::is_control, " ");
            line.push(Span::styled(format!("Weir does not answer, asking again: {why}"), BAD));
            return Line::from(line);
        }
        None if !model.has_seen => line.push(Span::styled("asking…", SOFT)),
        None => {
            let workers = if picture.workers == 1 { "worker" } else { "workers" };
            let text = format!("epoch {} · {} {workers}", picture.epoch, picture.workers);
            line.push(Span::raw(text));
        }
    }
    if model.is_paused {
        line.push(Span::raw(" · ").style(SOFT));
        line.push("paused".reversed());
    }
    if !model.filter.is_empty() && !model.is_typing {
        line.push(Span::raw(format!(" · only rows with “{}”", model.filter)));
    }
    Line::from(line)
}

/// What is left of the place.
fn overview(model: &Model, frame: &mut Frame<'_>, area: Rect) -> Rect {
    let rows = [Constraint::Length(SUMMARY), Constraint::Length(CURVE), Constraint::Fill(1)];
    let [summary, curve, rest] = Layout::vertical(rows).areas(area);
    let columns: [Rect; 4] =
        Layout::horizontal([20, 17, 19, 24].map(Constraint::Fill)).areas(summary);
    for (column, lines) in columns.into_iter().zip(numbers(model)) {
        frame.render_widget(Paragraph::new(lines.to_vec()), column);
    }
    let title = format!(" requests a second, up to {} ", model.history.iter().max().unwrap_or(&0));
    let newest_first = model.history.iter().rev().copied();
    let sparkline = Sparkline::default()
        .block(Block::new().title(title).title_style(SOFT))
        .direction(RenderDirection::RightToLeft)
        .style(GOOD)
        .data(newest_first);
    frame.render_widget(sparkline, curve);
    rest
}

/// Four columns of three.
fn numbers(model: &Model) -> [[Line<'static>; 3]; 4] {
    let picture = &model.picture;
    let total = &picture.total;
    let full = |[some, all]: [u64; 2]| match all {
        0 => some.to_string(),
        all => format!("{some} of {all}"),
    };
    let bad = |value: Option<f64>| if value > Some(0.0) { BAD } else { Style::new() };
    let plain = Style::new();
    [
        [
            pair("requests/s", rate(total.requests), plain.add_modifier(Modifier::BOLD)),
            pair("5xx/s", rate(total.failed), bad(total.failed)),
            pair("errors/s", rate(total.errors), bad(total.errors)),
        ],
        [
            pair("p50 ms", ms(total.p50), plain),
            pair("p99 ms", ms(total.p99), plain),
            pair("accepted/s", rate(picture.accepted), plain),
        ],
        [
            pair("in/s", bytes(total.bytes_in), plain),
            pair("out/s", bytes(total.bytes_out), plain),
            pair("waiting", picture.waiting.to_string(), bad(Some(picture.waiting as f64))),
        ],
        [
            pair("clients", full(picture.connections), plain),
            pair("buffers", full(picture.buffers), plain),
            pair("clusters", picture.clusters.len().to_string(), plain),
        ],
    ]
}

fn pair(name: &str, value: String, style: Style) -> Line<'static> {
    Line::from_iter([Span::styled(format!(" {name} "), SOFT), Span::styled(value, style)])
}

fn table(model: &Model, frame: &mut Frame<'_>, area: Rect) {
    let (view, rows) = (model.view(), model.rows());
    let columns = view.columns();
    let widths = columns.iter().map(|column| match column.width {
        Some(width) => Constraint::Length(width),
        None => Constraint::Fill(1),
    });
    let header = columns.iter().enumerate().map(|(i, column)| title(model, i, column));
    let place = usize::from(area.height.saturating_sub(1));
    let above = model.above(rows.len(), place);
    let seen = rows.iter().skip(above).take(place);
    let seen = seen.map(|row| ratatui::widgets::Row::new(cells(columns, row)));
    let header = ratatui::widgets::Row::new(header);
    frame.render_widget(Table::new(seen, widths).header(header), area);
    if rows.is_empty() && area.height > 1 {
        let text = match (model.has_seen, model.filter.is_empty()) {
            (false, _) => "",
            (true, true) => view.nothing(),
            (true, false) => "no row has that text",
        };
        let line = Rect { y: area.y + 1, height: 1, ..area };
        frame.render_widget(Line::styled(text, SOFT), line);
    }
}

/// The column that is sorted by has an arrow: which end comes first.
fn title(model: &Model, index: usize, column: &Column) -> Line<'static> {
    let (sorted, is_reversed) = model.sorted_by();
    let line = if index == sorted {
        let arrow = if column.is_number == is_reversed { "↑" } else { "↓" };
        Line::from(format!("{}{arrow}", column.title)).bold().underlined()
    } else {
        Line::from(column.title).bold()
    };
    line.alignment(side(column))
}

fn cells<'a>(columns: &[Column], row: &'a Row) -> Vec<Line<'a>> {
    let cell = |(column, cell): (&Column, &'a Cell)| {
        let style = if cell.is_bad { BAD } else { Style::new() };
        Line::styled(cell.text.as_str(), style).alignment(side(column))
    };
    columns.iter().zip(row).map(cell).collect()
}

fn side(column: &Column) -> Alignment {
    if column.is_number { Alignment::Right } else { Alignment::Left }
}

fn footer(model: &Model) -> Line<'static> {
    if model.is_typing {
        return Line::from_iter(["/".bold(), Span::raw(model.filter.clone()), "▏".into()]);
    }
    let keys = [
        ("/", "filter"),
        ("←→", "sort"),
        ("r", "reverse"),
        ("space", "pause"),
        ("?", "help"),
        ("q", "quit"),
    ];
    let spans = keys.iter().flat_map(|(key, what)| {
        [format!(" {key}").bold(), Span::styled(format!(" {what} "), SOFT)]
    });
    Line::from_iter(spans)
}

fn help(frame: &mut Frame<'_>) {
    let area = frame.area();
    let size = (72, HELP.len() as u16 + 2);
    let area = area.centered(Constraint::Length(size.0), Constraint::Length(size.1));
    let lines = HELP.map(|(key, what)| match key {
        "" => Line::styled(format!(" {what}"), SOFT),
        key => Line::from_iter([format!(" {key:<12}").bold(), Span::raw(what)]),
    });
    frame.render_widget(Clear, area);
    let block = Block::bordered().title(" Keys ");
    frame.render_widget(Paragraph::new(lines.to_vec()).block(block), area);
}
