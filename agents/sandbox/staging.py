"""As root only: a private mount namespace that shows the box's unprivileged user the few folders it needs.

Data folders and virtual environments of root often lie below folders that nobody else may enter, and bubblewrap
resolves every path as the user it runs as. So the host binds what boxes need under one short, reachable folder, in a
mount namespace of its own: nothing is copied, nothing shows on the rest of the machine, all of it ends with the host.
"""

import ctypes
import os
import tempfile

MS_BIND, MS_REC, MS_SLAVE = 1 << 12, 1 << 14, 1 << 19
PREFERRED = "/run/lucid-sandbox"  # root's own; each host mounts over it in its own namespace


class Staging:
    """A folder of bind mounts; `bind` returns where a path can be reached."""

    def __init__(self) -> None:
        os.unshare(os.CLONE_NEWNS)
        mount("none", "/", None, MS_REC | MS_SLAVE)
        self.folder = make_folder()
        mount("tmpfs", self.folder, "tmpfs", 0, "mode=0755,size=1m")

    def bind(self, source: str, name: str) -> str:
        target = os.path.join(self.folder, name)
        os.mkdir(target)
        mount(source, target, None, MS_BIND | MS_REC)
        return target


def make_folder() -> str:
    try:
        os.makedirs(PREFERRED, mode=0o755, exist_ok=True)
        return PREFERRED
    except OSError:
        return tempfile.mkdtemp(prefix="lucid-sandbox-")


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    encoded = [None if each is None else os.fsencode(each) for each in (source, target, kind, data)]
    if libc.mount(*encoded[:3], ctypes.c_ulong(flags), encoded[3]) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), target)
