"""httpx, whose HTTP/2 is Python's h2: many requests at once on one connection, bodies both ways.

Usage: httpx_client.py URL [CA]
"""

import asyncio
import ssl
import sys

import httpx


async def main():
    url = sys.argv[1]
    context = ssl.create_default_context(cafile=sys.argv[2]) if len(sys.argv) > 2 else True
    # One connection for all.
    limits = httpx.Limits(max_connections=1)
    client = httpx.AsyncClient(
        http1=False, http2=True, verify=context, limits=limits, timeout=30, trust_env=False
    )
    async with client:
        answers = await asyncio.gather(*(client.get(f"{url}/data?{n}") for n in range(50)))
        for answer in answers:
            assert (answer.http_version, answer.status_code) == ("HTTP/2", 200), answer
            assert answer.content == answers[0].content and answer.content
        body = bytes(number % 251 for number in range(1_000_000))
        answers = await asyncio.gather(*(client.post(f"{url}/up", content=body) for _ in range(5)))
        for answer in answers:
            assert answer.content == body, len(answer.content)
        assert (await client.head(f"{url}/data")).content == b""
        assert (await client.get(f"{url}/nothing")).status_code == 404
    print("all is well")


asyncio.run(main())
