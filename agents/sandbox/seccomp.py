"""PURE: the system calls that a box does without: parts of the kernel no tool of an agent needs, and memory that
nobody could count. They answer "not implemented", so programs fall back to what an older kernel offers."""

import errno
import socket
import struct

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.ENOSYS
REFUSE_FAMILY = 0x00050000 | errno.EAFNOSUPPORT
LOAD_WORD, JUMP_EQUAL, JUMP_GREATER_OR_EQUAL, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_OFFSET, ARCHITECTURE_OFFSET, FIRST_ARGUMENT_OFFSET = 0, 4, 16
X32_BIT = 0x40000000  # x86-64 numbers its 32-bit pointer variant from here

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
REFUSED: dict[str, dict[str, int]] = {
    "x86_64": {"add_key": 248, "request_key": 249, "keyctl": 250, "perf_event_open": 298, "memfd_create": 319}
    | {"bpf": 321, "userfaultfd": 323, "memfd_secret": 447},
    "aarch64": {"add_key": 217, "request_key": 218, "keyctl": 219, "perf_event_open": 241, "memfd_create": 279}
    | {"bpf": 280, "userfaultfd": 282, "memfd_secret": 447},
}
IO_URING = (425, 426, 427)  # the same everywhere
# Others lead past the box's own network, such as AF_VSOCK to the hypervisor, or into rarely used parts of the kernel.
FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, 16)  # the last is netlink, by which interfaces are listed
SOCKETS = {"x86_64": (41, 53), "aarch64": (198, 199)}  # socket and socketpair, whose first argument is the family


def program(machine: str) -> bytes:
    """The filter for this processor, as the kernel wants it; empty for processors it was not written for."""
    if machine not in ARCHITECTURES:
        return b""
    refused = [*REFUSED[machine].values(), *IO_URING]
    checked = SOCKETS[machine]
    to_refusal = len(refused) + len(checked) + 1  # from right behind the number's first check
    steps = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, REFUSE),  # 32-bit programs would reach the same calls by other numbers
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
        (JUMP_GREATER_OR_EQUAL, to_refusal, 0, X32_BIT),
    ]
    steps += [(JUMP_EQUAL, to_refusal - 1 - index, 0, number) for index, number in enumerate(refused)]
    steps += [(JUMP_EQUAL, 3 - index, 0, number) for index, number in enumerate(checked)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    steps += [(LOAD_WORD, 0, 0, FIRST_ARGUMENT_OFFSET)]
    steps += [(JUMP_EQUAL, len(FAMILIES) - index, 0, family) for index, family in enumerate(FAMILIES)]
    steps += [(RETURN, 0, 0, REFUSE_FAMILY), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
