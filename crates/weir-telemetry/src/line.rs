//! The form of a log line:
//!
//! `<time> <unix ns> <pid> <LEVEL> <tag>⇥<message>⏎`
//!
//! or, for programs, an object of JSON with the same and the module. A message is cut behind
//! [`MESSAGE_BYTES`].

use log::Level;

use crate::escape::{Json, Text, Word, escape};
use crate::pen::Pen;
use crate::time::{STAMP_BYTES, Stamp};

/// Longest message in bytes, before escaping.
const MESSAGE_BYTES: usize = 8 * 1024;
/// Longest name of a module.
const MODULE_BYTES: usize = 128;
/// Longest tag in bytes, before escaping.
const TAG_BYTES: usize = 32;

/// What a line says it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Label {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
    /// A record of an exchange that went well.
    Access,
    /// A record of an exchange that failed.
    AccessError,
}

impl Label {
    const ALL: [Self; 7] = [
        Self::Error,
        Self::Warn,
        Self::Info,
        Self::Debug,
        Self::Trace,
        Self::Access,
        Self::AccessError,
    ];

    /// The word for it, padded, and the number of its ANSI colour.
    const fn text_and_color(self) -> (&'static str, u8) {
        match self {
            Self::Error => ("ERROR", 31),
            Self::Warn => ("WARN ", 33),
            Self::Info => ("INFO ", 32),
            Self::Debug => ("DEBUG", 34),
            Self::Trace => ("TRACE", 90),
            Self::Access => ("INFO-ACCESS ", 32),
            Self::AccessError => ("ERROR-ACCESS", 31),
        }
    }

    /// The word for it in JSON.
    const fn word(self) -> &'static str {
        match self {
            Self::Error | Self::AccessError => "error",
            Self::Warn => "warn",
            Self::Info | Self::Access => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// ` <pid> <LEVEL> <tag>⇥`
    fn middle(self, pid: u32, tag: &[u8], colored: bool) -> Box<[u8]> {
        let (text, color) = self.text_and_color();
        let level = if colored { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() };
        [format!(" {pid} {level} ").as_bytes(), tag, b"\t"].concat().into()
    }
}

impl From<Level> for Label {
    fn from(level: Level) -> Self {
        match level {
            Level::Error => Self::Error,
            Level::Warn => Self::Warn,
            Level::Info => Self::Info,
            Level::Debug => Self::Debug,
            Level::Trace => Self::Trace,
        }
    }
}

/// What a line tells beside what happened.
pub(crate) struct Moment<'a> {
    pub(crate) time: [u8; STAMP_BYTES],
    pub(crate) unix_ns: u64,
    pub(crate) pid: u32,
    /// What the process is called.
    pub(crate) process: &'a [u8],
}

/// Writes the lines of one process, one at a time.
#[derive(Clone, Debug)]
pub struct LineFormat {
    stamp: Stamp,
    /// By [`Label`]: what stands between the time and the message.
    middles: [Box<[u8]>; Label::ALL.len()],
    pid: u32,
    process: Box<[u8]>,
    /// Messages are objects of JSON.
    json: bool,
    pen: Pen,
}

impl LineFormat {
    /// For the process `pid`, which is known as `tag` (`MAIN`, `WRK-00`); `colored` adds ANSI
    /// colours to the level.
    pub fn new(pid: u32, tag: &str, colored: bool) -> Self {
        let mut pen = Pen::new();
        escape::<Word>(tag.as_bytes(), TAG_BYTES, &mut pen);
        let tag = pen.end_line().trim_ascii_end();
        let middles = Label::ALL.map(|label| label.middle(pid, tag, colored));
        let process = tag.into();
        Self { stamp: Stamp::default(), middles, pid, process, json: false, pen }
    }

    /// With messages as objects of JSON.
    #[must_use]
    pub fn in_json(mut self, json: bool) -> Self {
        self.json = json;
        self
    }

    /// The line of a message, its newline included. `unix_ns` is the instant in nanoseconds since
    /// the Unix epoch. The module is shown with details, and in JSON.
    pub fn message(&mut self, unix_ns: u64, level: Level, module: &str, message: &str) -> &[u8] {
        if self.json {
            return self.json_message(unix_ns, level, module, message);
        }
        let pen = self.begin(unix_ns, level.into());
        if level >= Level::Debug {
            escape::<Text>(module.as_bytes(), MODULE_BYTES, pen);
            pen.byte(b' ');
        }
        escape::<Text>(message.as_bytes(), MESSAGE_BYTES, pen);
        pen.end_line()
    }

    fn json_message(&mut self, unix_ns: u64, level: Level, module: &str, text: &str) -> &[u8] {
        let (pen, moment) = self.begin_bare(unix_ns);
        pen.text(b"{\"time\":\"");
        pen.text(&moment.time);
        pen.text(b"\",\"unix_ns\":");
        pen.number(unix_ns);
        pen.text(b",\"level\":\"");
        pen.text(Label::from(level).word().as_bytes());
        pen.text(b"\",\"pid\":");
        pen.number(moment.pid.into());
        pen.text(b",\"process\":\"");
        escape::<Json>(moment.process, TAG_BYTES, pen);
        pen.text(b"\",\"module\":\"");
        escape::<Json>(module.as_bytes(), MODULE_BYTES, pen);
        pen.text(b"\",\"message\":\"");
        escape::<Json>(text.as_bytes(), MESSAGE_BYTES, pen);
        pen.text(b"\"}");
        pen.end_line()
    }

    /// Begins a line without a prefix.
    pub(crate) fn begin_bare(&mut self, unix_ns: u64) -> (&mut Pen, Moment<'_>) {
        let time = *self.stamp.at(unix_ns);
        self.pen.restart();
        (&mut self.pen, Moment { time, unix_ns, pid: self.pid, process: &self.process })
    }

    /// Writes everything up to the message. Whoever calls writes the message and ends the line.
    pub(crate) fn begin(&mut self, unix_ns: u64, label: Label) -> &mut Pen {
        let pen = &mut self.pen;
        pen.restart();
        pen.text(self.stamp.at(unix_ns));
        pen.byte(b' ');
        pen.number(unix_ns);
        pen.text(&self.middles[label as usize]);
        pen
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn line(colored: bool, level: Level, message: &str) -> String {
        let mut format = LineFormat::new(4242, "WRK-00", colored);
        let line = format.message(1_764_064_721_123_456_789, level, "event", message);
        String::from_utf8(line.to_vec()).expect("ASCII")
    }

    #[test]
    fn a_line_has_the_documented_layout() {
        assert_eq!(
            line(false, Level::Warn, "backend gone"),
            "2025-11-25T09:58:41.123456Z 1764064721123456789 4242 WARN  WRK-00\tbackend gone\n"
        );
    }

    #[test]
    fn details_name_their_module() {
        let line = line(false, Level::Debug, "told");
        assert!(line.ends_with("DEBUG WRK-00\tevent told\n"), "{line}");
    }

    #[test]
    fn a_line_of_json_is_an_object() {
        let mut format = LineFormat::new(4242, "WRK-00", true).in_json(true);
        let text = "\"a\" \\ \x1b[2J\n";
        let line = format.message(1_764_064_721_123_456_789, Level::Warn, "event", text);
        assert_eq!(
            String::from_utf8_lossy(line),
            "{\"time\":\"2025-11-25T09:58:41.123456Z\",\"unix_ns\":1764064721123456789,\
             \"level\":\"warn\",\"pid\":4242,\"process\":\"WRK-00\",\"module\":\"event\",\
             \"message\":\"\\\"a\\\" \\\\\\\\ \\\\x1b[2J\\\\x0a\"}\n"
        );
    }

    #[test]
    fn only_the_level_is_colored() {
        assert_eq!(
            line(true, Level::Error, "\x1b[2J"),
            "2025-11-25T09:58:41.123456Z 1764064721123456789 4242 \x1b[31mERROR\x1b[0m WRK-00\t\
             \\x1b[2J\n"
        );
    }

    #[test]
    fn an_endless_message_is_cut() {
        let line = line(false, Level::Info, &"x".repeat(100_000));
        assert!(line.len() < 9_000 && line.ends_with("x...\n"), "{} bytes", line.len());
    }

    #[test]
    fn labels_are_in_the_order_of_their_numbers() {
        assert!(Label::ALL.iter().enumerate().all(|(n, label)| n == *label as usize));
    }

    proptest! {
        #[test]
        fn a_line_is_one_line(message in any::<String>()) {
            let line = line(false, Level::Info, &message);
            let (prefix, text) = line.split_once('\t').expect("a tab");
            let text = text.strip_suffix('\n').expect("a newline");
            prop_assert!(!prefix.chars().chain(text.chars()).any(char::is_control));
        }
    }
}
