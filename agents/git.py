"""Clones a repository on this machine, outside of any sandbox: https only, nothing asked, nothing of it executed.

The token travels in git's environment alone: it is on no command line, in no file and in no message.
"""

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from agents.repositories import CloneFailed, cause_of

CLONE_SECONDS = 300
CLONE_MAX_BYTES = 1024 * 1024 * 1024  # what a session's folders may hold
# One file may take twice that: `ulimit` counts kilobytes here, and git writes one pack.
LIMITED = 'ulimit -f "$1" && shift && exec git "$@"'
SAID_MAX = 300
KEPT = ("PATH", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "SSL_CERT_FILE", "GIT_SSL_CAINFO")
SETTINGS = {
    "credential.helper": "",
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "http.followRedirects": "false",
    "http.lowSpeedLimit": "1000",
    "http.lowSpeedTime": "60",
    "submodule.recurse": "false",
}


@contextmanager
def cloned(url: str, *, token: str, checkout: dict[str, Any] | None, scratch: Path) -> Iterator[str]:
    """A folder with the clone while the block lasts; CloneFailed says why there is none."""
    home = tempfile.mkdtemp(dir=scratch, prefix="clone-")
    try:
        folder = os.path.join(home, "clone")
        environment = _environment(url, token, home)
        _run(["clone", "--quiet", "--no-checkout", "--template=", "--", url, folder], environment, token)
        _check_out(folder, checkout, environment, token)
        if _size(folder) > CLONE_MAX_BYTES:
            raise CloneFailed("repository_clone_error", f"It takes more than {CLONE_MAX_BYTES // 1024**2} MB.")
        yield folder
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _check_out(folder: str, checkout: dict[str, Any] | None, environment: dict[str, str], token: str) -> None:
    match checkout:
        case None:
            wanted = ["HEAD", "--"]
        case {"type": "branch", "name": name}:
            wanted = [name, "--"]
        case _:
            wanted = ["--detach", checkout["sha"], "--"]
    try:
        _run(["-C", folder, "checkout", "--quiet", *wanted], environment, token)
    except CloneFailed as failure:
        if checkout is None and not os.listdir(os.path.join(folder, ".git", "refs", "heads")):
            return  # an empty repository has nothing to check out
        raise CloneFailed("repository_checkout_error", failure.message) from failure


def _run(arguments: list[str], environment: dict[str, str], token: str) -> None:
    command = ["/bin/bash", "-c", LIMITED, "bash", str(2 * CLONE_MAX_BYTES // 1024), *arguments]
    try:
        ended = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=CLONE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CloneFailed("repository_clone_error", f"It took more than {CLONE_SECONDS} seconds.") from error
    if ended.returncode != 0:
        said = ended.stderr.decode("utf-8", "replace").strip()
        raise CloneFailed(cause_of(said), _shown(said, token))


def _shown(said: str, token: str) -> str:
    """The last line of what git said, without the token in any form."""
    line = said.splitlines()[-1] if said else "git ended without a word"
    for secret in filter(None, (token, _basic(token))):
        line = line.replace(secret, "***")
    return line.removeprefix("fatal: ").removeprefix("error: ")[:SAID_MAX]


def _environment(url: str, token: str, home: str) -> dict[str, str]:
    named = dict(SETTINGS)
    if token:
        named[f"http.{url}.extraHeader"] = f"Authorization: Basic {_basic(token)}"
    keys = {f"GIT_CONFIG_KEY_{place}": name for place, name in enumerate(named)}
    values = {f"GIT_CONFIG_VALUE_{place}": value for place, value in enumerate(named.values())}
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        **keys,
        **values,
        "GIT_CONFIG_COUNT": str(len(named)),
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "/bin/false",
        "GIT_ALLOW_PROTOCOL": "https",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "HOME": home,
        "LC_ALL": "C",
    }


def _basic(token: str) -> str:
    return base64.b64encode(f"x-access-token:{token}".encode()).decode()


def _size(folder: str) -> int:
    paths = (os.path.join(place, name) for place, _, names in os.walk(folder) for name in names)
    return sum(os.lstat(path).st_size for path in paths)
