"""Keeps a connection of HTTP/2 while workers are replaced: ADDRESS CA WORKERS COMMAND...

Each round, COMMAND is run with the number of each worker behind it, and the connection carries
another request. With CA `-`, it is in clear text.
"""

import socket
import ssl
import subprocess
import sys

import h2.config
import h2.connection
import h2.events

address, port = sys.argv[1].rsplit(":", 1)
authority, workers, command = sys.argv[2], int(sys.argv[3]), sys.argv[4:]
ROUNDS = 10


def connect():
    raw = socket.create_connection((address, int(port)), timeout=30)
    if authority == "-":
        return raw
    context = ssl.create_default_context(cafile=authority)
    context.set_alpn_protocols(["h2"])
    secure = context.wrap_socket(raw, server_hostname="site.example")
    assert secure.selected_alpn_protocol() == "h2"
    return secure


class Client:
    def __init__(self):
        self.stream = connect()
        self.machine = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
        self.machine.initiate_connection()
        self.stream.sendall(self.machine.data_to_send())

    def get(self, path):
        number = self.machine.get_next_available_stream_id()
        fields = [
            (":method", "GET"),
            (":scheme", "http" if authority == "-" else "https"),
            (":authority", "site.example"),
            (":path", path),
            ("x-kept", "what both ends remember"),
        ]
        self.machine.send_headers(number, fields, end_stream=True)
        self.stream.sendall(self.machine.data_to_send())
        status, body = None, b""
        while True:
            received = self.stream.recv(65536)
            assert received, "the end of the connection"
            for event in self.machine.receive_data(received):
                assert not isinstance(event, h2.events.ConnectionTerminated), event
                if isinstance(event, h2.events.ResponseReceived):
                    status = dict(event.headers)[b":status"]
                elif isinstance(event, h2.events.DataReceived):
                    body += event.data
                    self.machine.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                elif isinstance(event, h2.events.StreamEnded):
                    self.stream.sendall(self.machine.data_to_send())
                    assert status == b"200", status
                    return body
            self.stream.sendall(self.machine.data_to_send())


def main():
    client = Client()
    for round in range(ROUNDS + 1):
        path = f"/round/{round}"
        assert client.get(path) == path.encode()
        assert client.get("/page") == client.get("/page")
        for worker in range(workers if round < ROUNDS else 0):
            replaced = subprocess.run(command + [str(worker)], capture_output=True, text=True)
            account = replaced.stdout + replaced.stderr
            assert replaced.returncode == 0, account
            assert ", 0 ended, 0 cut" in account, account
    print("kept")


main()
