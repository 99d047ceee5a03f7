"""Makes hpack_interop.txt with Python's hpack (pip install hpack==4.2.0):

    python hpack_interop.py > hpack_interop.txt
"""

import random

from hpack import Encoder, NeverIndexedHeaderTuple

NAMES = [":status", ":path", ":authority", "content-type", "content-length", "date", "etag",
         "cache-control", "set-cookie", "x-request-id", "x-a", "accept-encoding", "user-agent"]
WORDS = ["", "a", "200", "404", "/", "/index.html", "gzip, deflate", "text/plain; charset=utf-8",
         "Tue, 24 Nov 2026 10:00:00 GMT", "no-cache", "caf\u00e9", "\u2603" * 5, "~{}|^<>`\\",
         "sid=01ARZ3NDEKTSV4RRFFQ69G5FAV; path=/", "x" * 150]


def connection(seed):
    choose = random.Random(seed)
    encoder = Encoder()
    print(f"connection {seed}")
    for _ in range(6):
        for _ in range(choose.choice([0, 0, 1, 2])):
            # To set the size that it has makes this encoder forget to announce the one before.
            sizes = {0, 60, 100, 256, 1000, 4096} - {encoder.header_table_size}
            encoder.header_table_size = choose.choice(sorted(sizes))
        fields = []
        for _ in range(choose.randrange(1, 9)):
            name = choose.choice(NAMES).encode()
            value = choose.choice(WORDS) + choose.choice(["", "", str(choose.randrange(100))])
            kind = NeverIndexedHeaderTuple if choose.random() < 0.1 else lambda *field: field
            fields.append(kind(name, value.encode()))
        block = encoder.encode(fields, huffman=choose.random() < 0.7)
        print(f"block {block.hex()}")
        for field in fields:
            print(f"field {field[0].hex()} {field[1].hex()}")
        for name, value in encoder.header_table.dynamic_entries:
            print(f"entry {name.hex()} {value.hex()}")


print("# Blocks of Python's hpack, made by hpack_interop.py: what they mean, and the table that its")
print("# encoder has behind each, the newest first. Names and values in hexadecimal.")
for seed in range(7):
    connection(seed)
