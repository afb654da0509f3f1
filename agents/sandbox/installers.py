"""PURE: how each package manager is asked to install into a folder, and what lets commands find it there.

Every manager installs at the place where boxes show it later, for much of what is installed knows its own place."""

import platform
from collections.abc import Iterable, Sequence
from shlex import quote

FOLDER = "/opt/packages"
LAYOUT = 1  # to be raised when what lies there changes its shape
MANAGERS = ("apt", "cargo", "gem", "go", "npm", "pip")
# Where node looks from every folder, also for what is imported: NODE_PATH is for `require` alone.
NODE_MODULES = ("/node_modules", f"{FOLDER}/npm/node_modules")

# Of this machine, for the box in which apt is asked; auth.conf, which holds passwords, is not among them.
APT_FILES = ("sources.list", "sources.list.d", "trusted.gpg", "trusted.gpg.d", "keyrings", "preferences.d")
APT_STATUS = "/var/lib/dpkg/status"
APT_FOLDER = "/etc/apt"

_PROGRAMS = {"apt": "apt-get", "cargo": "cargo", "gem": "gem", "go": "go", "npm": "npm"}
_SCRIPTS = {
    # Without root nothing is configured: what is missing is fetched with all that it needs, and unpacked.
    "apt": """base=/workspace/apt
mkdir -p $base/lists/partial $base/archives/partial $base/log
get() {{
  apt-get -q -o Dir::State=$base -o Dir::State::lists=$base/lists -o Dir::State::status={status} -o Dir::Cache=$base \\
    -o Dir::Cache::archives=$base/archives -o Dir::Log=$base/log -o APT::Sandbox::User= -o Debug::NoLocking=1 \\
    -o APT::Update::Error-Mode=any "$@"
}}
get update >$base/update 2>&1 || {{ tail -n 5 $base/update; exit 100; }}
get install --yes --no-install-recommends --download-only -- {names}
for each in $base/archives/*.deb; do [ ! -e "$each" ] || dpkg-deb --extract "$each" "$target"; done""",
    "cargo": 'CARGO_HOME=/workspace/cargo cargo install --root "$target" -- {names}',
    "gem": 'gem install --no-document --install-dir "$target" --bindir "$target/bin" {names}',
    "go": """export GOBIN="$target/bin" GOPATH=/workspace/go GOCACHE=/workspace/cache GOFLAGS=-modcacherw
for name in {names}; do go install -- "$name"; done""",
    "npm": 'npm install --prefix "$target" --no-audit --no-fund --no-update-notifier --no-progress --loglevel=error'
    " -- {names}",
    # A pip that the machine has is used as it is: to unpack another takes longer than most packages.
    "pip": """{python} -m venv --without-pip --system-site-packages "$target"
python="$target/bin/python"
if "$python" -c "import pip" 2>/dev/null; then
  printf '#!/bin/sh\\nexec "%s" -m pip "$@"\\n' "$python" >"$target/bin/pip"
  chmod 755 "$target/bin/pip"
else
  "$python" -m ensurepip
fi
"$python" -m pip install --no-input --no-cache-dir --disable-pip-version-check --progress-bar off -- {names}""",
}
_BEGIN = """set -eu
export TMPDIR=/workspace/tmp
mkdir "$TMPDIR"
target={target}
"""
_MISSING = "command -v {program} >/dev/null || {{ echo 'This machine has no {program} below /usr.'; exit 127; }}\n"
_PATHS = {
    "apt": ("usr/bin", "usr/sbin", "bin", "sbin", "usr/games"),
    "cargo": ("bin",),
    "gem": ("bin",),
    "go": ("bin",),
    "npm": ("node_modules/.bin",),
    "pip": ("bin",),
}
_TRIPLET = f"{platform.machine()}-linux-gnu"
_LIBRARIES = (f"usr/lib/{_TRIPLET}", f"lib/{_TRIPLET}", "usr/lib", "lib")
_VARIABLES = {
    "apt": {"LD_LIBRARY_PATH": ":".join(f"{FOLDER}/apt/{folder}" for folder in _LIBRARIES)},
    "gem": {"GEM_PATH": f"{FOLDER}/gem"},
    "npm": {"NODE_PATH": f"{FOLDER}/npm/node_modules"},
}
QUIET = {"PIP_RETRIES": "2", "PIP_DEFAULT_TIMEOUT": "30", "NPM_CONFIG_FETCH_RETRIES": "2"}


def command(manager: str, names: Sequence[str], python: str) -> str:
    """Of a shell in a box whose /opt/packages/<manager> can be written."""
    program = _PROGRAMS.get(manager)
    check = _MISSING.format(program=program) if program else ""
    wanted = " ".join(quote(_stated(name, manager)) for name in names)
    script = _SCRIPTS[manager].format(names=wanted, python=quote(python), status=APT_STATUS)
    return f"( {_BEGIN.format(target=f'{FOLDER}/{manager}')}{check}{script}\n)"


def _stated(name: str, manager: str) -> str:
    return f"{name}@latest" if manager == "go" and "@" not in name else name


def search_path(managers: Iterable[str], rest: str) -> str:
    """The PATH of a box that shows what these managers installed."""
    order = sorted(managers, key=lambda manager: (manager == "apt", manager))  # what is unpacked hides nothing else
    return ":".join([*(f"{FOLDER}/{manager}/{path}" for manager in order for path in _PATHS[manager]), rest])


def variables(managers: Iterable[str]) -> dict[str, str]:
    return {name: value for manager in managers for name, value in _VARIABLES.get(manager, {}).items()}
