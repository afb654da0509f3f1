"""What an agent piles up in a memory mount is bounded on its way to the worker, and what is left out is said."""

import json
import os

from agents.sandbox import limits
from agents.sandbox.folders import collect


def test_a_mount_full_of_text_is_cut_off_and_the_rest_named(tmp_path):
    text = "\x01" * 100_000  # six times as long on its way
    for number in range(90):
        (tmp_path / f"{number:02}.md").write_text(text)
    found = collect(str(tmp_path))
    assert len(json.dumps(found.files)) <= limits.MEMORY_MOUNT_MAX_BYTES + limits.MIB
    assert len(found.files) + len(found.refused) == 90
    assert "MiB of text" in found.refused[0].reason
    assert found.is_whole


def test_a_mount_full_of_what_is_no_file_is_known_to_be_cut_off(tmp_path):
    for number in range(limits.REFUSED_MAX + 5):
        os.mkfifo(tmp_path / f"{number:03}")
    (tmp_path / "z.md").write_text("kept")
    found = collect(str(tmp_path))
    assert (len(found.refused), found.is_whole) == (limits.REFUSED_MAX, False)
    assert found.files == {"/z.md": "kept"}
