"""Follows many event streams at once, in a process of its own, and says how late each event came:
`python -m tests.bench.listeners HOST PORT KEY CLIENTS SESSION...`.

Prints `open` when every stream is answered, ends when its input does, and then prints the milliseconds between the time
that each event carries and its arrival, as one JSON list.
"""

import asyncio
import json
import sys
import time
from datetime import datetime

LINE_MAX = 1_000_000


async def main() -> None:
    host, port, key, clients, *sessions = sys.argv[1:]
    opened = [asyncio.Event() for _ in range(int(clients))]
    late: list[float] = []
    followers = [
        asyncio.create_task(follow(host, int(port), key, sessions[number % len(sessions)], event, late))
        for number, event in enumerate(opened)
    ]
    for event in opened:
        await event.wait()
    print("open", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    print(json.dumps([round(value, 2) for value in late]))


async def follow(host: str, port: int, key: str, session: str, opened: asyncio.Event, late: list[float]) -> None:
    reader, writer = await asyncio.open_connection(host, port, limit=LINE_MAX)
    request = (
        f"GET /v1/sessions/{session}/events/stream HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {key}\r\n"
        "anthropic-version: 2026-10-21\r\nanthropic-beta: managed-agents-2026-04-01\r\n\r\n"
    )
    writer.write(request.encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    opened.set()
    while line := await reader.readline():
        arrived = time.time()
        if line.startswith(b"data:") and (moment := json.loads(line[5:]).get("processed_at")):
            late.append((arrived - datetime.fromisoformat(moment).timestamp()) * 1000)


if __name__ == "__main__":
    asyncio.run(main())
