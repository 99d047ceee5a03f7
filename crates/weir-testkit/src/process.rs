//! A program under test: its output by line, its children, its end. Every wait has a deadline.
//!
//! A test that waits in vain panics with everything the program has printed.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

pub use rustix::process::Signal;
use rustix::process::{Pid, kill_process};

/// The longest wait for anything. It is only reached when a test fails.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Time between two looks at something that cannot be waited for.
const GLANCE: Duration = Duration::from_millis(5);

/// A running program. Dropping it kills it and its children.
pub struct Process {
    child: Child,
    lines: Receiver<String>,
    seen: Vec<String>,
    read: usize,
}

impl Process {
    /// Starts `command` with standard output and error read together.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        Self::start(command.stdin(Stdio::null()))
    }

    /// The same with an open standard input, until [`Process::close_input`].
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn_with_input(command: &mut Command) -> Self {
        Self::start(command.stdin(Stdio::piped()))
    }

    fn start(command: &mut Command) -> Self {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let (sender, lines) = channel();
        let (out, err) = (child.stdout.take(), child.stderr.take());
        forward(out.expect("stdout is piped"), sender.clone());
        forward(err.expect("stderr is piped"), sender);
        Self { child, lines, seen: Vec::new(), read: 0 }
    }

    /// Its standard input ends.
    pub fn close_input(&mut self) {
        self.child.stdin = None;
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The next line, after those already waited for, that contains `part`.
    ///
    /// # Panics
    /// When none comes in time, or the output ends.
    pub fn line_with(&mut self, part: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            while self.read < self.seen.len() {
                self.read += 1;
                if self.seen[self.read - 1].contains(part) {
                    return self.seen[self.read - 1].clone();
                }
            }
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => self.fail(&format!("no line with {part:?}")),
                Err(RecvTimeoutError::Disconnected) => {
                    self.fail(&format!("the output ended without a line with {part:?}"))
                }
            }
        }
    }

    /// How many of the lines printed so far contain `part`, whether waited for or not.
    pub fn count(&mut self, part: &str) -> usize {
        self.seen.extend(self.lines.try_iter());
        self.seen.iter().filter(|line| line.contains(part)).count()
    }

    /// Waits until that many lines from the first one on, or more, contain `part`.
    ///
    /// # Panics
    /// When they do not come in time.
    pub fn until_count(&mut self, part: &str, count: usize) {
        let deadline = Instant::now() + PATIENCE;
        while self.count(part) < count {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(_) => self.fail(&format!("there are not {count} lines with {part:?}")),
            }
        }
    }

    /// Waits until its standard output and error are closed by everybody; all that was printed.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn output(&mut self) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Timeout) => self.fail("the output does not end"),
                Err(RecvTimeoutError::Disconnected) => return self.seen.join("\n"),
            }
        }
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// When it has ended already.
    pub fn signal(&self, signal: Signal) {
        send_signal(self.pid(), signal);
    }

    /// The process ids of its children, oldest first.
    pub fn children(&self) -> Vec<i32> {
        children(self.pid())
    }

    /// Waits for its end.
    ///
    /// # Panics
    /// When that takes too long.
    pub fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            thread::sleep(GLANCE);
        }
        self.fail("it does not end")
    }

    fn fail(&mut self, why: &str) -> ! {
        self.seen.extend(self.lines.try_iter());
        panic!("{why}; it has printed:\n{}", self.seen.join("\n"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let children = self.children();
        let _ = self.child.kill();
        for pid in children.into_iter().filter_map(Pid::from_raw) {
            // Not those that have ended with it.
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// Sends a signal to any process.
///
/// # Panics
/// When there is none of this id.
pub fn send_signal(pid: i32, signal: Signal) {
    let process = Pid::from_raw(pid).expect("a process id");
    kill_process(process, signal).expect("the process exists");
}

/// True while a process of this id exists and has not ended.
pub fn is_running(pid: i32) -> bool {
    !matches!(state(pid), None | Some('Z' | 'X'))
}

/// What a process is doing, as proc_pid_stat(5) says it: `R` it runs, `S` it waits for events, `T`
/// it is stopped. `None`: there is no such process.
pub fn state(pid: i32) -> Option<char> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit(") ").next()?.chars().next()
}

/// The process ids of the children of `pid`, oldest first.
pub fn children(pid: i32) -> Vec<i32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
}

/// Waits until `condition` holds.
///
/// # Panics
/// When that takes too long.
pub fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::sleep(GLANCE);
    }
}

fn forward(pipe: impl Read + Send + 'static, sender: Sender<String>) {
    thread::spawn(move || {
        for line in BufReader::new(pipe).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
}
