"""Verbs of memory: every change of a memory leaves exactly one version row.

Each verb first takes the store's row lock by writing to the row, which both databases hold until the commit. What it
reads afterwards is the whole truth: of two writers with the same precondition exactly one wins, two files can never
share a path with a folder, and a store that is being archived takes no further write.
"""

from memory.services.locks import hold_store
from memory.services.memories import copy_memories, create_memory, delete_memory, sha256_of, update_memory
from memory.services.stores import (
    archive_store,
    create_store,
    delete_store,
    mark_reviewed,
    mark_unreviewed,
    update_store,
)
from memory.services.versions import redact_version

__all__ = [
    "archive_store",
    "copy_memories",
    "create_memory",
    "create_store",
    "delete_memory",
    "delete_store",
    "hold_store",
    "mark_reviewed",
    "mark_unreviewed",
    "redact_version",
    "sha256_of",
    "update_memory",
    "update_store",
]
