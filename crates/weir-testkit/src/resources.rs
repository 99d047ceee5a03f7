//! What a process uses and may use, from `/proc` and `prlimit(2)`.

use std::path::Path;

use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit, setrlimit};

/// Bytes of memory that are the process's own: neither of files nor shared.
///
/// # Panics
/// When there is no such process.
pub fn own_memory(pid: i32) -> usize {
    let status = read(pid, "status");
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes.and_then(|text| text.parse::<usize>().ok()).expect("RssAnon in kB") << 10
}

/// Clock ticks that the process has computed for, in user space and in the kernel.
///
/// # Panics
/// When there is no such process.
pub fn cpu_ticks(pid: i32) -> u64 {
    let stat = read(pid, "stat");
    let (_, rest) = stat.rsplit_once(") ").expect("the name is in parentheses");
    // proc_pid_stat(5): utime and stime are fields 14 and 15; `rest` begins with field 3.
    let ticks = rest.split(' ').skip(11).take(2);
    ticks.map(|text| text.parse::<u64>().expect("a number")).sum()
}

/// Clock ticks in a second.
pub fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// Number of descriptors that the process has open.
///
/// # Panics
/// When there is no such process.
pub fn open_files(pid: i32) -> u64 {
    let directory = Path::new("/proc").join(pid.to_string()).join("fd");
    std::fs::read_dir(directory).expect("a process").count() as u64
}

/// Sets how many descriptors a process may have open; tells how many it might before.
///
/// # Panics
/// When there is no such process.
pub fn limit_open_files(pid: i32, most: u64) -> u64 {
    limit(pid, Resource::Nofile, Some(most)).expect("weir sets a limit")
}

/// Sets the length, in bytes, up to which a process may write files; `None`: any length.
///
/// # Panics
/// When there is no such process.
pub fn limit_file_length(pid: i32, most: Option<u64>) {
    limit(pid, Resource::Fsize, most);
}

fn limit(pid: i32, of: Resource, most: Option<u64>) -> Option<u64> {
    let pid = Some(Pid::from_raw(pid).expect("a process id"));
    let new = Rlimit { current: most, maximum: getrlimit(of).maximum };
    prlimit(pid, of, new).expect("a process of ours").current
}

/// Lets this process open as many descriptors as the system allows it.
///
/// # Panics
/// Never: that is always allowed.
pub fn allow_many_files() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("allowed");
}

fn read(pid: i32, name: &str) -> String {
    let path = Path::new("/proc").join(pid.to_string()).join(name);
    std::fs::read_to_string(path).expect("a process")
}
