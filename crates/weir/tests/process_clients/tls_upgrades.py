"""Keeps connections of TLS while workers are replaced: ADDRESS CA WORKERS COMMAND...

Each round, COMMAND is run with the number of each worker behind it, and every connection is used
again: idle ones between two requests, byte pipes, and those of `openssl s_client`, which asks for
new keys meanwhile.
"""

import socket
import ssl
import subprocess
import sys

address, port = sys.argv[1].rsplit(":", 1)
authority, workers, command = sys.argv[2], int(sys.argv[3]), sys.argv[4:]
ROUNDS = 10
HOST = b"Host: site.example\r\n"
KINDS = [
    (ssl.TLSVersion.TLSv1_3, None),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-GCM-SHA256"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-GCM-SHA384"),
    (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-CHACHA20-POLY1305"),
]


def context(version, ciphers):
    made = ssl.create_default_context(cafile=authority)
    made.minimum_version = made.maximum_version = version
    if ciphers:
        made.set_ciphers(ciphers)
    return made


def connect(made, session=None):
    raw = socket.create_connection((address, int(port)), timeout=30)
    return made.wrap_socket(raw, server_hostname="site.example", session=session)


def exactly(stream, count):
    got = b""
    while len(got) < count:
        chunk = stream.recv(count - len(got))
        assert chunk, f"the end after {len(got)} of {count} bytes"
        got += chunk
    return got


def until(read, end):
    got = b""
    while not got.endswith(end):
        byte = read(1)
        assert byte, f"the end after {got!r}"
        got += byte
    return got


class Idle:
    """A connection between two requests."""

    def __init__(self, made):
        self.stream = connect(made)

    def use(self, round):
        target = b"/round/%d" % round
        self.stream.sendall(b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        head = until(self.stream.recv, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        assert exactly(self.stream, len(target)) == target


class Pipe:
    """A connection that was upgraded, to a server that sends everything back."""

    def __init__(self, made):
        self.stream = connect(made)
        upgrade = b"Connection: upgrade\r\nUpgrade: echo\r\n\r\n"
        self.stream.sendall(b"GET /pipe HTTP/1.1\r\n" + HOST + upgrade)
        head = until(self.stream.recv, b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    def use(self, round):
        text = b"%d " % round * 20_000
        self.stream.sendall(text)
        assert exactly(self.stream, len(text)) == text


class Renewing:
    """openssl, which asks for new keys before it says anything."""

    def __init__(self, suite):
        program = ["openssl", "s_client", "-connect", sys.argv[1], "-servername", "site.example"]
        options = ["-tls1_3", "-ciphersuites", suite, "-CAfile", authority, "-crlf"]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": 0}
        self.client = subprocess.Popen(program + options, stderr=subprocess.STDOUT, **pipes)

    def use(self, round):
        if round:
            self.client.stdin.write(b"K\n")
            until(self.client.stdout.read, b"KEYUPDATE\n")
        target = b"/round/%d" % round
        self.client.stdin.write(b"GET " + target + b" HTTP/1.1\nHost: site.example\n\n")
        until(self.client.stdout.read, b"\r\n\r\n" + target)


def main():
    made = [context(*kind) for kind in KINDS]
    suites = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]
    users = [kind(one) for one in made for kind in (Idle, Pipe)]
    users += [Renewing(suite) for suite in suites]
    for round in range(ROUNDS + 1):
        for user in users:
            user.use(round)
        for worker in range(workers if round < ROUNDS else 0):
            replaced = subprocess.run(command + [str(worker)], capture_output=True, text=True)
            account = replaced.stdout + replaced.stderr
            assert replaced.returncode == 0, account
            assert ", 0 ended, 0 cut" in account, account
    # A ticket of before is good at the workers of now.
    for one, user in zip(made, users[::2]):
        with connect(one, user.stream.session) as again:
            assert again.session_reused, again.version()
    for user in users[-len(suites):]:
        user.client.kill()
    print("kept")


main()
