"""A client that asks for MPTCP: for each line of its input, so many bytes go there and back."""

import socket
import sys
import threading

SOL_MPTCP, MPTCP_INFO = 284, 1


def spoken(connection):
    """What the connection turned out to be: without MPTCP on the other side, it is of TCP."""
    try:
        connection.getsockopt(SOL_MPTCP, MPTCP_INFO, 64)
        return "mptcp"
    except OSError:
        return "tcp"


def echoed(connection, count):
    data = bytes(range(256)) * (count // 256)
    sender = threading.Thread(target=connection.sendall, args=(data,))
    sender.start()
    received = bytearray()
    while len(received) < len(data) and (more := connection.recv(65536)):
        received += more
    sender.join()
    return received == data


address, port, protocol = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as client:
    client.settimeout(30)
    client.connect((address, port))
    for line in sys.stdin:
        good = echoed(client, int(line))
        print(spoken(client) if protocol else "tcp", "same" if good else "other", flush=True)
