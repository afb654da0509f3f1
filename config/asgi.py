"""The one web application: event streams are raw ASGI, everything else is ordinary sync Django in a bounded pool.

Why not Django's own ASGI handler: it pins one thread per open stream (505 threads for 500 clients against 5) and serves
ordinary pages at less than half the speed.
"""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from agents.sse import Receive, Scope, Send
from config.bodies import with_whole_body
from config.downloads import with_files
from config.static import with_static_files

WEB_THREADS = 12  # more threads only fight for the interpreter; a slow client holds none of them

django = get_wsgi_application()

import config.urls  # noqa: E402, F401  # the routes and the SDK's types, before the first request needs them
from agents.api.stream import api_stream, match_api_stream  # noqa: E402
from agents.views.stream import match_page_stream, page_stream  # noqa: E402
from config.bridge import SyncPool  # noqa: E402
from config.uploads import UPLOADS, admits  # noqa: E402
from config.waiting import with_waiting  # noqa: E402

pages = with_waiting(
    with_files(
        with_whole_body(
            SyncPool(with_static_files(django), workers=WEB_THREADS),
            limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE,
            uploads=UPLOADS,
            admits=admits,
        )
    )
)


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "http" and scope["method"] == "GET":
        if found := match_api_stream(scope["path"]):
            await api_stream(found, scope, receive, send)
            return
        if found := match_page_stream(scope["path"]):
            await page_stream(found, scope, receive, send)
            return
    await pages(scope, receive, send)
