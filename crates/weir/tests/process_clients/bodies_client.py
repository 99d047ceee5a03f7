"""Large bodies at once, on a few connections of HTTP/2: each goes up and comes back as it was.

Usage: bodies_client.py URL
"""

import asyncio
import hashlib
import random
import sys

import httpx

COUNT = 20
BYTES = 2 << 20


async def upload(client, url, number):
    body = random.Random(number).randbytes(BYTES)
    answer = await client.post(url, content=body)
    assert (answer.http_version, answer.status_code) == ("HTTP/2", 200), answer
    assert len(answer.content) == BYTES, len(answer.content)
    assert hashlib.sha256(answer.content).digest() == hashlib.sha256(body).digest(), number


async def main():
    clients = [
        httpx.AsyncClient(
            http1=False,
            http2=True,
            limits=httpx.Limits(max_connections=1),
            timeout=60,
            trust_env=False,
        )
        for _ in range(4)
    ]
    uploads = (upload(clients[n % 4], f"{sys.argv[1]}/up", n) for n in range(COUNT))
    await asyncio.gather(*uploads)
    for client in clients:
        await client.aclose()
    print("all is well")


asyncio.run(main())
