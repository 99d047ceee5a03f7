"""`weir top` on a terminal of 80 columns and 24 rows, as somebody sees it.

Arguments: the program, its configuration file, `ip:port` of the proxy. Says how far it is, a line
each; ends with an error when the screen is not as it should be.
"""

import fcntl
import http.client
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
import time

import pyte

PATIENCE = 30
program, config, address = sys.argv[1:]


class Terminal:
    """A terminal with `weir top` on it."""

    def __init__(self):
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)
        self.ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.raw = b""
        command = [program, "top", "--refresh-ms", "1000", "-c", config]
        environment = dict(os.environ, TERM="xterm-256color")
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
        )

    def read(self):
        if select.select([self.ours], [], [], 0.05)[0]:
            data = os.read(self.ours, 65536)
            self.raw += data
            self.stream.feed(data)

    def text(self):
        return "\n".join(self.screen.display)

    def until(self, what, holds):
        end = time.monotonic() + PATIENCE
        while not holds(self.text()):
            if time.monotonic() > end or self.process.poll() is not None:
                sys.exit(f"{what} is not seen:\n{self.text()}")
            self.read()

    def until_shows(self, *parts):
        self.until(" and ".join(parts), lambda text: all(part in text for part in parts))

    def press(self, keys):
        os.write(self.ours, keys.encode())

    def ended(self):
        """Whatever it was ended with, the terminal is as it was."""
        end = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            if time.monotonic() > end:
                sys.exit("it does not end")
            self.read()
        self.read()
        assert self.process.returncode == 0, (self.process.returncode, self.text())
        assert termios.tcgetattr(self.theirs) == self.before, "the modes of the terminal"
        assert self.raw.count(b"\x1b[?1049h") == self.raw.count(b"\x1b[?1049l") == 1, "the screen"
        assert self.raw.rindex(b"\x1b[?25h") > self.raw.rindex(b"\x1b[?25l"), "the cursor"


def load(stop):
    host, port = address.rsplit(":", 1)
    while not stop.is_set():
        connection = http.client.HTTPConnection(host, int(port), timeout=PATIENCE)
        connection.request("GET", "/", headers={"Host": "good.example"})
        assert connection.getresponse().read() is not None
        connection.close()


def requests(text):
    """Requests a second, if there are any."""
    found = re.search(r"requests/s ([0-9.]+)", text)
    return bool(found) and float(found[1]) > 0


def say(line):
    print(line, flush=True)


def main():
    terminal = Terminal()
    terminal.until_shows("1 Overview", "7 Events", "2 workers", "requests/s 0", "q quit")
    stop = threading.Event()
    thread = threading.Thread(target=load, args=[stop])
    thread.start()
    terminal.until("a rate", requests)
    terminal.press("3/good\r")
    terminal.until_shows("BACKEND", "one", "good", "only rows with")
    terminal.press("4")
    terminal.until_shows("PROTOCOL", "no row has that text")
    terminal.press("\x1b")
    terminal.until_shows("HTTP", address)
    terminal.press("7")
    terminal.until_shows("EVENT", "epoch 2: 1 added")
    terminal.press("1")
    terminal.until_shows("requests/s")
    stop.set()
    thread.join()
    terminal.until("rest", lambda text: "requests/s" in text and not requests(text))
    say("numbers have changed")
    terminal.until_shows("Weir does not answer")
    say("absence is seen")
    terminal.until("Weir again", lambda text: "does not answer" not in text and "2 workers" in text)
    terminal.press("?")
    terminal.until_shows("choose what is shown")
    terminal.press("xq")
    terminal.ended()
    other = Terminal()
    other.until_shows("2 workers")
    other.process.send_signal(signal.SIGTERM)
    other.ended()
    say("all is well")


main()
