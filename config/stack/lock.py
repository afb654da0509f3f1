"""One `up` per data folder: a lock that the operating system drops when its holder dies, however it dies."""

import fcntl
import os
from pathlib import Path
from typing import IO

from django.core.management.base import CommandError


def hold(data_dir: Path) -> IO[str]:
    """The lock, held as long as the returned file is open."""
    path = data_dir / "up.lock"
    try:
        file = path.open("a+")
    except OSError as error:
        raise CommandError(f"LUCID_DATA_DIR: {path} cannot be written: {error.strerror}")
    try:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # unlike flock, no forked child inherits it
    except OSError:
        file.seek(0)
        raise CommandError(
            f"Lucid is running on {data_dir} already (process {file.read().strip() or 'unknown'}). "
            "Stop it, or choose another folder with --data-dir."
        )
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file
