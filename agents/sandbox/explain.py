"""PURE: why a box could not be opened -> a cause and a remedy that a person can act on."""

from collections.abc import Callable

USERNS_WORDS = (
    "uid map",
    "new namespace",
    "No permissions to creat",
    "RTM_NEWADDR",
    "Operation not permitted",
    "unprivileged",
    "user namespace",
    "No space left on device",
)
Reader = Callable[[str], str]


def read_setting(path: str) -> str:
    try:
        with open(path) as file:
            return file.read().strip()
    except OSError:
        return ""


def explain(stderr: str, *, in_container: bool, read: Reader = read_setting) -> tuple[str, str]:
    """(reason, remedy)"""
    said = stderr.strip().splitlines()[-1] if stderr.strip() else "it ended without a word"
    if read("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1" and blames_namespaces(said):
        return (
            f"AppArmor forbids unprivileged user namespaces on this machine ({said})",
            "Install the distribution's bubblewrap with its AppArmor profile (packages bubblewrap and "
            "apparmor-profiles), or run: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        )
    if read("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return (
            f"the kernel forbids unprivileged user namespaces ({said})",
            "Run: sysctl -w kernel.unprivileged_userns_clone=1",
        )
    if read("/proc/sys/user/max_user_namespaces") == "0":
        return (
            f"the kernel allows no user namespaces ({said})",
            "Run: sysctl -w user.max_user_namespaces=10000",
        )
    if in_container and (blames_namespaces(said) or "mount proc" in said):
        return (
            f"this container forbids user namespaces ({said})",
            "Start it with --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
            "--security-opt systempaths=unconfined, or run Lucid outside a container",
        )
    return (
        f"a box could not be started ({said})",
        "Run `bwrap --unshare-all --ro-bind / / true` as the same user to see the cause",
    )


def blames_namespaces(said: str) -> bool:
    return any(word.lower() in said.lower() for word in USERNS_WORDS)
