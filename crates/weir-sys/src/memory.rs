//! Files that are in memory only.

use std::fs::File;
use std::io;

use rustix::fs::{MemfdFlags, memfd_create};

/// An empty file that no directory has, for what another image of this process or a child is to
/// read. It is gone with the last descriptor of it.
///
/// # Errors
/// Of `memfd_create(2)`.
pub fn memory_file(name: &str) -> io::Result<File> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut file = memory_file("test").expect("made");
        file.write_all(b"kept").expect("written");
        file.rewind().expect("at the start");
        let mut text = String::new();
        file.read_to_string(&mut text).expect("read");
        assert_eq!(text, "kept");
        crate::testing::assert_closes_on_exec(&file);
    }
}
