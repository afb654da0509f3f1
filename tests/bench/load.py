"""Asks one address again and again over a few kept connections, in a process of its own, and prints how often it was
answered: `python -m tests.bench.load HOST PORT PATH KEY SECONDS CONNECTIONS`."""

import socket
import sys
import threading
import time


def main() -> None:
    host, port, path, key, seconds, connections = sys.argv[1:]
    request = (
        f"GET {path} HTTP/1.1\r\nhost: {host}:{port}\r\nauthorization: Bearer {key}\r\n"
        "anthropic-version: 2026-10-21\r\nanthropic-beta: managed-agents-2026-04-01\r\n\r\n"
    ).encode()
    until = time.perf_counter() + float(seconds)
    counts = [0] * int(connections)

    def ask(index: int) -> None:
        with socket.create_connection((host, int(port))) as connection:
            while time.perf_counter() < until:
                connection.sendall(request)
                read_answer(connection)
                counts[index] += 1

    askers = [threading.Thread(target=ask, args=(index,)) for index in range(len(counts))]
    for asker in askers:
        asker.start()
    for asker in askers:
        asker.join()
    print(sum(counts))


def read_answer(connection: socket.socket) -> None:
    data = connection.recv(65_536)
    while b"\r\n\r\n" not in data:
        data += connection.recv(65_536)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), data[:300]
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    missing = length - len(body)
    while missing > 0:
        missing -= len(connection.recv(65_536))


if __name__ == "__main__":
    main()
