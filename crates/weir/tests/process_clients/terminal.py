"""What a program that serves prints on a terminal, until it says that it is ready; then it is stopped.

Arguments: the program and its own arguments.
"""

import os
import pty
import signal
import subprocess
import sys

ours, theirs = pty.openpty()
program = subprocess.Popen(sys.argv[1:], stdin=theirs, stdout=theirs, stderr=theirs)
os.close(theirs)
seen = b""
try:
    while b"are ready" not in seen:
        seen += os.read(ours, 65536)
finally:
    program.send_signal(signal.SIGTERM)
    program.wait()
    sys.stdout.buffer.write(seen)
