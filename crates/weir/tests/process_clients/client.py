"""A client on the standard library: keep-alive, pipelining by hand, an upgrade by hand.

Ends with an error when anything is not as it should be.
"""

import http.client
import io
import socket
import sys

host, port = sys.argv[1].rsplit(":", 1)
address = (host, int(port))


class Buffered:
    """What `HTTPResponse` needs of a socket, on one reader for all responses."""

    def __init__(self, reader):
        self.reader = reader

    def makefile(self, _mode):
        return io.BufferedReader(Unclosed(self.reader), 1)


class Unclosed(io.RawIOBase):
    def __init__(self, reader):
        self.reader = reader

    def readable(self):
        return True

    def readinto(self, room):
        data = self.reader.read(min(len(room), 1))
        room[: len(data)] = data
        return len(data)


def keep_alive():
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.connect()
    socket_before = connection.sock
    for number in range(50):
        body = b"%d" % number * 100
        connection.request("POST", f"/{number}", body)
        response = connection.getresponse()
        assert (response.status, response.read()) == (200, body), response.status
        assert connection.sock is socket_before, "the connection was closed"
    connection.request("PUT", "/chunks", iter([b"a" * 10, b"b" * 20]))
    response = connection.getresponse()
    assert response.read() == b"a" * 10 + b"b" * 20
    assert response.getheader("X-Framing") == "chunked"
    connection.request("HEAD", "/data")
    response = connection.getresponse()
    assert response.read() == b"" and int(response.getheader("Content-Length")) > 0
    connection.close()


def pipelined():
    count = 200
    with socket.create_connection(address, timeout=30) as connection:
        requests = (
            f"POST /{n} HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n{n:04}" for n in range(count)
        )
        connection.sendall("".join(requests).encode())
        shared = Buffered(connection.makefile("rb"))
        for number in range(count):
            response = http.client.HTTPResponse(shared, method="POST")
            response.begin()
            body = response.read()
            assert (response.status, body) == (200, b"%04d" % number), (number, body)


def upgraded():
    with socket.create_connection(address, timeout=30) as connection:
        head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"
        # The first line follows the head at once, before the answer.
        connection.sendall(head.encode() + b"early\n")
        reader = connection.makefile("rb")
        assert reader.readline().startswith(b"HTTP/1.1 101 ")
        while reader.readline().strip():
            pass
        assert reader.readline() == b"hello\n"
        assert reader.readline() == b"early\n"
        for number in range(100):
            line = b"%d\n" % number
            connection.sendall(line)
            assert reader.readline() == line
        connection.shutdown(socket.SHUT_WR)
        assert reader.read() == b"", "the end comes through"


keep_alive()
pipelined()
upgraded()
print("all is well")
