//! A Weir that says what a script says, on a control socket in a temporary directory.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use tempfile::TempDir;
use weir_client::proto::frame::Decoder;
use weir_client::proto::request::RequestType;
use weir_client::proto::{Request, Response, blocking};
use weir_testkit::process::PATIENCE;

/// A server for one client.
pub(crate) struct Scripted {
    directory: TempDir,
    thread: JoinHandle<()>,
}

/// Its end of the connection.
pub(crate) struct Peer {
    stream: UnixStream,
    decoder: Decoder,
}

impl Scripted {
    /// Waits for a client and follows `script`.
    pub(crate) fn start(script: impl FnOnce(&mut Peer) + Send + 'static) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let listener = UnixListener::bind(directory.path().join("weir.sock")).expect("bound");
        let thread = thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
            script(&mut Peer { stream, decoder: Decoder::new(usize::MAX) });
        });
        Self { directory, thread }
    }

    /// One that gives the same answer to whatever it is asked.
    pub(crate) fn answering(response: Response) -> Self {
        Self::start(move |peer| {
            peer.expect();
            peer.say(response);
        })
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.directory.path().join("weir.sock")
    }

    /// A configuration file beside the socket, which names it.
    pub(crate) fn config(&self, more: &str) -> PathBuf {
        let path = self.directory.path().join("weir.toml");
        let text = format!("command_socket = \"weir.sock\"\n{more}\n");
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Waits for the end of the script.
    pub(crate) fn finish(self) {
        self.thread.join().expect("the script went as written");
    }
}

impl Peer {
    /// The next request.
    pub(crate) fn expect(&mut self) -> RequestType {
        let request: Option<Request> =
            blocking::receive(&mut self.stream, &mut self.decoder).expect("a request");
        request.expect("not the end").request_type.expect("one that is known")
    }

    pub(crate) fn say(&mut self, response: Response) {
        blocking::send(&mut self.stream, &response, usize::MAX).expect("sent");
    }

    /// Waits until the client is gone.
    pub(crate) fn expect_end(&mut self) {
        let request: Option<Request> =
            blocking::receive(&mut self.stream, &mut self.decoder).expect("the end");
        assert_eq!(request, None);
    }
}
