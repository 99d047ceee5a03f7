//! What this worker is working on, noted where main can read it when it dies.
//!
//! Must not know: what main makes of it.
//!
//! Invariant: a note costs a few stores; without a page, nothing.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::panic::PanicHookInfo;
use std::rc::Rc;
use std::sync::Once;

use weir_control::last_words::{self, Work};
use weir_sys::SharedPage;

use crate::session::{Session, Stage};

thread_local! {
    /// Where a panic of this thread is noted.
    static PAGE: RefCell<Option<Rc<SharedPage>>> = const { RefCell::new(None) };
}

/// The page, if there is one.
#[derive(Default)]
pub(crate) struct Desk(Option<Rc<SharedPage>>);

impl Desk {
    /// Uses the page of this file from now on.
    pub(crate) fn open(&mut self, file: &OwnedFd, epoch: u64) -> io::Result<()> {
        static HOOK: Once = Once::new();
        let page = Rc::new(SharedPage::map(file.as_fd())?);
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                note_panic(panic);
                before(panic);
            }));
        });
        last_words::set_epoch(page.words(), epoch);
        PAGE.set(Some(Rc::clone(&page)));
        self.0 = Some(page);
        Ok(())
    }

    /// This session is driven.
    pub(crate) fn begin(&self, session: &Session) {
        let Some(page) = &self.0 else { return };
        let route = match &session.stage {
            Stage::Exchange(active) => active.route.as_ref().map_or(0, |route| route.hash),
            _ => 0,
        };
        let client = session.client.ip();
        last_words::begin(page.words(), &Work { session: *session.id.as_bytes(), client, route });
    }

    /// It has found this frontend.
    pub(crate) fn set_route(&self, hash: u64) {
        self.note(|page| last_words::set_route(page.words(), hash));
    }

    /// It was driven.
    pub(crate) fn end(&self) {
        self.note(|page| last_words::end(page.words()));
    }

    /// This configuration is in use.
    pub(crate) fn set_epoch(&self, epoch: u64) {
        self.note(|page| last_words::set_epoch(page.words(), epoch));
    }

    fn note(&self, note: impl FnOnce(&SharedPage)) {
        if let Some(page) = &self.0 {
            note(page);
        }
    }
}

fn note_panic(panic: &PanicHookInfo<'_>) {
    let text = panic.payload_as_str().unwrap_or("something that is no text");
    let place = panic.location().map(|place| format!(" at {}:{}", place.file(), place.line()));
    let text = format!("panicked{}: {text}", place.unwrap_or_default());
    // The thread may be ending, or the panic have begun in here.
    let _ = PAGE.try_with(|page| {
        if let Ok(page) = page.try_borrow()
            && let Some(page) = page.as_ref()
        {
            last_words::panicked(page.words(), &text);
        }
    });
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    #[test]
    fn a_panic_is_noted_in_words() {
        let file = weir_sys::memory_file("test").expect("made");
        file.set_len(last_words::BYTES as u64).expect("made longer");
        let mut desk = Desk::default();
        let theirs = file.try_clone().expect("cloned").into();
        desk.open(&theirs, 5).expect("opened");
        std::panic::catch_unwind(|| panic!("for a test")).expect_err("it panics");
        let mut bytes = vec![0; last_words::BYTES];
        file.read_exact_at(&mut bytes, 0).expect("read");
        let words = last_words::read(&bytes);
        let said = words.panic.expect("noted");
        assert!(said.starts_with("panicked at ") && said.ends_with(": for a test"), "{said}");
        assert!(said.contains("desk.rs:"), "{said}");
        assert_eq!((words.epoch, words.work), (5, None));
    }
}
