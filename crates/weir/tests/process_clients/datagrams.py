"""Clients of UDP: each asks twenty times and hears its own words. Usage: datagrams.py IP PORT"""

import socket
import sys

server = (sys.argv[1], int(sys.argv[2]))
clients = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(50)]
for client in clients:
    client.settimeout(10)
    client.connect(server)

answers = 0
for turn in range(20):
    for number, client in enumerate(clients):
        client.send(b"%d of client %d" % (turn, number))
    for number, client in enumerate(clients):
        heard = client.recv(65536)
        assert heard == b"one %d of client %d" % (turn, number), heard
        answers += 1

print(f"{len(clients)} clients, {answers} answers")
