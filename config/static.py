"""Serves the static files from where they lie: no build step and no collected copy that could be out of date."""

from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from whitenoise import WhiteNoise

MAX_AGE_SECONDS = 60  # browsers ask again after a minute and are told "not modified"


def with_static_files(application: Any) -> WhiteNoise:
    served = WhiteNoise(
        application, max_age=MAX_AGE_SECONDS, allow_all_origins=False, add_headers_function=_never_guess_types
    )
    for finder in get_finders():
        for path, storage in finder.list([]):
            url = f"{settings.STATIC_URL}{path}"
            if url not in served.files:  # the first finder wins, as in Django
                served.add_file_to_dictionary(url, storage.path(path))
    return served


def _never_guess_types(headers: Any, path: str, url: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
