"""HTTP/1.1 with every client: one that offers to go on in another protocol is read as one that offers nothing.

Java's own client offers HTTP/2 with each request on a plain connection, as `curl --http2` does. The parser takes such a
request to end with its head, so its body was lost, and read as the beginning of the next request.
"""

from typing import Any

from httptools import HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

OFFER = b"upgrade"


class HttpProtocol(HttpToolsProtocol):
    """Waits with the answer to an offer until the parser has read the request again."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.parser = DecliningParser(self)

    def on_headers_complete(self) -> None:
        if not self.has_offer():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        if not self.has_offer():
            super().on_message_complete()

    def has_offer(self) -> bool:
        # The parser looks first: it asks for both headers that make an offer, and for hardly any request.
        return self.parser.should_upgrade() and any(name == OFFER for name, _ in self.headers)

    def head_without_offer(self) -> bytes:
        line = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        return line + b"".join(b"%s: %s\r\n" % header for header in self.headers if header[0] != OFFER) + b"\r\n"


class DecliningParser(HttpRequestParser):
    def __init__(self, protocol: HttpProtocol) -> None:
        self.protocol = protocol
        self.begin()

    def begin(self) -> None:
        """Forget what was read, also that it was to be a connection's last request."""
        super().__init__(self.protocol)
        self.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets its own

    def feed_data(self, data: Any) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[self._read(rest) :]

    def _read(self, data: memoryview) -> int:
        """How far it came: to the end, or behind the head of a request with an offer."""
        try:
            super().feed_data(data)
        except HttpParserUpgrade as offer:
            if not self.protocol.has_offer():
                raise  # CONNECT is one too
            head = self.protocol.head_without_offer()
            self.begin()
            super().feed_data(head)
            return int(offer.args[0])
        return len(data)
