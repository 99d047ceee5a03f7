"""Speaks TLS with the proxy: client.py ADDRESS CA COMMAND.

resume: a session is resumed in every one of many connections, whichever worker takes them.
load: makes connections, a request on each, until standard input ends; prints how many failed.
"""

import socket
import ssl
import sys
import threading

address, port = sys.argv[1].rsplit(":", 1)
authority = sys.argv[2]
REQUEST = b"GET /data HTTP/1.1\r\nHost: site.example\r\nConnection: close\r\n\r\n"


def context(version):
    made = ssl.create_default_context(cafile=authority)
    made.minimum_version = made.maximum_version = version
    return made


def ask(made, session=None):
    """The answer, the session, and whether it was resumed."""
    raw = socket.create_connection((address, int(port)), timeout=30)
    with made.wrap_socket(raw, server_hostname="site.example", session=session) as secure:
        secure.sendall(REQUEST)
        answer = b""
        while chunk := secure.recv(65536):
            answer += chunk
        return answer, secure.session, secure.session_reused


def resume():
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        made = context(version)
        answer, session, reused = ask(made)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer[:100]
        assert not reused
        for _ in range(12):
            answer, session_after, reused = ask(made, session)
            assert reused, version
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer[:100]
            if version == ssl.TLSVersion.TLSv1_3:
                session = session_after
    print("resumed")


def load():
    done = threading.Event()
    failures, served = [], []

    def run():
        made = context(ssl.TLSVersion.TLSv1_3)
        while not done.is_set():
            try:
                answer, _, _ = ask(made)
                assert answer.startswith(b"HTTP/1.1 200 OK\r\n"), answer[:100]
                served.append(1)
            except Exception as error:
                failures.append(repr(error))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    print("running", flush=True)
    sys.stdin.read()
    done.set()
    for thread in threads:
        thread.join()
    print(f"served {len(served) > 0}, failed {failures[:3]}")


{"resume": resume, "load": load}[sys.argv[3]]()
