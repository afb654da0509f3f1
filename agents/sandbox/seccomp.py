"""PURE: the system calls that a box does without: parts of the kernel no tool of an agent needs, and memory that
nobody could count. They answer "not implemented", so programs fall back to what an older kernel offers."""

import errno
import struct

ALLOW = 0x7FFF0000
REFUSE = 0x00050000 | errno.ENOSYS
LOAD_WORD, JUMP_EQUAL, JUMP_GREATER_OR_EQUAL, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER_OFFSET, ARCHITECTURE_OFFSET = 0, 4
X32_BIT = 0x40000000  # x86-64 numbers its 32-bit pointer variant from here

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
REFUSED: dict[str, dict[str, int]] = {
    "x86_64": {"add_key": 248, "request_key": 249, "keyctl": 250, "perf_event_open": 298, "memfd_create": 319}
    | {"bpf": 321, "userfaultfd": 323, "memfd_secret": 447},
    "aarch64": {"add_key": 217, "request_key": 218, "keyctl": 219, "perf_event_open": 241, "memfd_create": 279}
    | {"bpf": 280, "userfaultfd": 282, "memfd_secret": 447},
}
IO_URING = (425, 426, 427)  # the same everywhere


def program(machine: str) -> bytes:
    """The filter for this processor, as the kernel wants it; empty for processors it was not written for."""
    if machine not in ARCHITECTURES:
        return b""
    numbers = [*REFUSED[machine].values(), *IO_URING]
    steps = [
        (LOAD_WORD, 0, 0, ARCHITECTURE_OFFSET),
        (JUMP_EQUAL, 1, 0, ARCHITECTURES[machine]),
        (RETURN, 0, 0, REFUSE),  # 32-bit programs would reach the same calls by other numbers
        (LOAD_WORD, 0, 0, NUMBER_OFFSET),
        (JUMP_GREATER_OR_EQUAL, len(numbers) + 1, 0, X32_BIT),
    ]
    steps += [(JUMP_EQUAL, len(numbers) - index, 0, number) for index, number in enumerate(numbers)]
    steps += [(RETURN, 0, 0, ALLOW), (RETURN, 0, 0, REFUSE)]
    return b"".join(struct.pack("=HBBI", *step) for step in steps)
