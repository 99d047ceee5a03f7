//! Files that are in memory only, and a page of one that several processes have.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

use rustix::fs::{MemfdFlags, memfd_create};

/// An empty file that no directory has, for what another image of this process or a child is to
/// read. It is gone with the last descriptor of it.
///
/// # Errors
/// Of `memfd_create(2)`.
pub fn memory_file(name: &str) -> io::Result<File> {
    Ok(memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

/// Bytes of a [`SharedPage`].
const PAGE: usize = 4096;

/// A page of a file, as memory. Whoever else has the file sees what is written at once, and still
/// after this process has died.
pub struct SharedPage(NonNull<AtomicU64>);

// SAFETY: the memory stays mapped as long as this lives, and is only used as atomics.
unsafe impl Send for SharedPage {}
// SAFETY: as above.
unsafe impl Sync for SharedPage {}

impl SharedPage {
    /// The first page of a file.
    ///
    /// # Errors
    /// `InvalidInput` when the file is shorter, else of `fstat(2)` or `mmap(2)`.
    pub fn map(file: BorrowedFd<'_>) -> io::Result<Self> {
        // Memory behind the end of a file cannot be touched.
        if rustix::fs::fstat(file)?.st_size < PAGE as i64 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        let fd = file.as_raw_fd();
        // SAFETY: the kernel chooses where; nothing that is mapped already changes.
        let place = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, access, shared, fd, 0) };
        if place == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        NonNull::new(place.cast()).map(Self).ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    /// Its words.
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: that many bytes are mapped, aligned to a page, until this is dropped; every bit
        // pattern is a number.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr(), PAGE / size_of::<AtomicU64>()) }
    }
}

impl Drop for SharedPage {
    fn drop(&mut self) {
        // SAFETY: it was mapped with that length, and no reference to it outlives this.
        unsafe { libc::munmap(self.0.as_ptr().cast(), PAGE) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;
    use std::os::unix::fs::FileExt;
    use std::sync::atomic::Ordering;

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

    #[test]
    fn what_is_written_to_a_page_is_in_its_file() {
        let file = memory_file("test").expect("made");
        assert!(SharedPage::map(file.as_fd()).is_err(), "it is too short");
        file.set_len(4096).expect("made longer");
        let page = SharedPage::map(file.as_fd()).expect("mapped");
        assert_eq!(page.words().len(), 512);
        page.words()[511].store(7, Ordering::Relaxed);
        let mut bytes = [0; 8];
        drop(page);
        file.read_exact_at(&mut bytes, 4088).expect("read");
        assert_eq!(u64::from_ne_bytes(bytes), 7);
    }
}
