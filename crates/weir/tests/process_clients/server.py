"""A backend on the standard library's HTTP server, threaded, with keep-alive.

It prints its port, or listens on the Unix socket whose path is its second argument. Echoes what is sent with POST or PUT, serves a directory for GET and HEAD, with
ranges of one part, and becomes an echo of bytes when a GET asks for an upgrade.
"""

import http.server
import os
import re
import socketserver
import sys


class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body are written one after the other: the body must not wait for an acknowledgement.
    disable_nagle_algorithm = True

    def body(self):
        if self.headers.get("Transfer-Encoding", "") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return b"".join(parts)

    def do_POST(self):
        body = self.body()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Framing", self.headers.get("Transfer-Encoding", "length"))
        self.end_headers()
        self.wfile.write(body)

    do_PUT = do_POST

    def do_GET(self):
        if self.headers.get("Upgrade") == "echo":
            return self.echo()
        wanted = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not wanted:
            return super().do_GET()
        first, last = map(int, wanted.groups())
        with open(self.translate_path(self.path), "rb") as file:
            length = os.fstat(file.fileno()).st_size
            file.seek(first)
            part = file.read(last + 1 - first)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{length}")
        self.send_header("Content-Length", str(len(part)))
        self.end_headers()
        self.wfile.write(part)

    def echo(self):
        self.send_response(101)
        self.send_header("Connection", "upgrade")
        self.send_header("Upgrade", "echo")
        self.end_headers()
        self.wfile.write(b"hello\n")
        while line := self.rfile.readline():
            self.wfile.write(line)
        self.close_connection = True

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


class UnixServer(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    request_queue_size = 128
    daemon_threads = True


os.chdir(sys.argv[1])
if len(sys.argv) > 2:
    Handler.disable_nagle_algorithm = False
    server = UnixServer(sys.argv[2], Handler)
    print("port", 0, flush=True)
else:
    server = Server(("127.0.0.1", 0), Handler)
    print("port", server.server_port, flush=True)
server.serve_forever()
