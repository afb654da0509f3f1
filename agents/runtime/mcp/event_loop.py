"""The one event loop on which this process speaks with MCP servers."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

THREADS = 64  # of the loop, for look-ups of host names and for tokens

_lock = threading.Lock()
_running: asyncio.AbstractEventLoop | None = None


def mcp_loop() -> asyncio.AbstractEventLoop:
    """This process's loop for MCP, in a thread of its own from the first use on."""
    global _running
    with _lock:
        if _running is None:
            _running = asyncio.new_event_loop()
            _running.set_default_executor(ThreadPoolExecutor(THREADS, thread_name_prefix="mcp-work"))
            threading.Thread(target=_running.run_forever, name="mcp", daemon=True).start()
        return _running


def _forget() -> None:
    """A forked child has the loop but not its thread."""
    global _running, _lock
    _running, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)
