"""What becomes a skill and what is refused, whatever an archive says of itself."""

import io
import stat
import struct
import tracemalloc
import zipfile
import zlib

import pytest

from agents import limits
from agents.exceptions import InvalidRequest, TooLarge
from agents.skill_archives import folder_of_zip, zip_of
from agents.skill_folders import SkillFile, SkillFolder, folder_of_files

HEAD = b"---\nname: my-skill\ndescription: Does it.\n---\n"
SKILL = ("my-skill/SKILL.md", HEAD)


def archive(*members, method=zipfile.ZIP_DEFLATED, **attributes):
    """A zip of (name, bytes); attributes are set on every entry but SKILL.md's."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        for name, data in members:
            info = zipfile.ZipInfo(name)
            info.compress_type = method
            if name != SKILL[0]:
                for attribute, value in attributes.items():
                    setattr(info, attribute, value)
            zipped.writestr(info, data)
    return packed.getvalue()


def skill_saying(*lines):
    return folder_of_files([("my-skill/SKILL.md", "\n".join(["---", *lines, "---", "# Text"]).encode())])


# What is taken


def test_files_and_a_zip_of_them_become_the_same_skill():
    members = [SKILL, ("my-skill/scripts/run.sh", b"#!/bin/sh\n"), ("my-skill/data.bin", b"\x00\xff")]
    folder = folder_of_files(members)
    assert folder == folder_of_zip(archive(*members))
    assert (folder.name, folder.description, folder.size) == ("my-skill", "Does it.", len(HEAD) + 12)
    assert [file.path for file in folder.files if file.is_executable] == ["scripts/run.sh"]


def test_what_is_kept_is_the_same_zip_for_the_same_folder():
    members = [SKILL, ("my-skill/b.txt", b"b"), ("my-skill/a.txt", b"a")]
    packed = zip_of(folder_of_files(members))
    assert packed == zip_of(folder_of_files(reversed(members)))
    assert folder_of_zip(packed).files == tuple(sorted(folder_of_files(members).files, key=lambda file: file.path))


def test_the_folder_in_the_zip_is_called_as_the_skill():
    folder = folder_of_files([("Some Folder/SKILL.md", HEAD)])
    assert zipfile.ZipFile(io.BytesIO(zip_of(folder))).namelist() == ["my-skill/SKILL.md"]


def test_a_program_stays_executable():
    given = archive(SKILL, ("my-skill/tool", b"\x7fELF"), create_system=3, external_attr=(stat.S_IFREG | 0o4755) << 16)
    packed = zipfile.ZipFile(io.BytesIO(zip_of(folder_of_zip(given))))
    assert [oct(info.external_attr >> 16) for info in packed.infolist()] == ["0o100644", "0o100755"]


def test_folders_and_what_file_managers_leave_are_passed_over():
    members = [("my-skill/", b""), SKILL, ("__MACOSX/my-skill/._SKILL.md", b"x"), ("my-skill/.DS_Store", b"x")]
    assert [file.path for file in folder_of_zip(archive(*members)).files] == ["SKILL.md"]


def test_a_zip_within_stays_a_file():
    inner = archive(("../../etc/passwd", b"x"))
    folder = folder_of_zip(archive(SKILL, ("my-skill/inner.zip", inner)))
    assert folder.files[1] == SkillFile(path="inner.zip", data=inner)


def test_a_name_in_utf8_without_the_flag_is_read_as_utf8():
    given = archive(SKILL, ("my-skill/aXXXX.md", b"")).replace(b"aXXXX", "äüx".encode())
    assert folder_of_zip(given).files[1].path == "äüx.md"


@pytest.mark.parametrize(
    ("lines", "description"),
    [
        (["name: my-skill", 'description: "Quoted: yes"'], "Quoted: yes"),
        (["name: my-skill", "description: >-", "  Two", "  lines", "allowed-tools: [read]"], "Two lines"),
        (["description: Named by its folder"], "Named by its folder"),
        (["name: my-skill", "description: x", "metadata: {a: {b: [1, 2]}}"], "x"),
    ],
)
def test_the_head_is_yaml(lines, description):
    assert (skill_saying(*lines).name, skill_saying(*lines).description) == ("my-skill", description)


# What is refused


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["name: my-skill"], "description"),
        (["name: my-skill", "description: ''"], "description"),
        (["name: my-skill", f"description: {'x' * 1025}"], "description"),
        (["name: my-skill", 'description: "a\\0b"'], "description"),
        (["name: my-skill", 'description: "\\ud800"'], "description"),
        (["name: My Skill", "description: x"], "name"),
        (["name: ''", "description: x", "name: a_b"], "name"),
        ([f"name: {'a' * 65}", "description: x"], "name"),
        (["name: claude-helper", "description: x"], "reserved"),
        (["name: my-anthropic", "description: x"], "reserved"),
        (["name: my-skill", "description: a: b: c"], "YAML"),
        (["- name"], "members"),
        (["x: " + "[" * 5000], "YAML"),
        (["x: " + "y" * 20_000], "frontmatter"),
    ],
)
def test_a_head_without_a_proper_name_and_description_is_refused(lines, message):
    with pytest.raises(InvalidRequest, match=message):
        skill_saying(*lines)


def test_aliases_are_not_followed():
    bombs = [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 20)]
    assert skill_saying("a0: &a0 [x]", *bombs, "name: my-skill", "description: x").description == "x"


@pytest.mark.parametrize("data", [b"", b"# No head", b"---\nname: x\n", b"\xff\xfe", HEAD[3:]])
def test_a_skill_file_without_a_head_is_refused(data):
    with pytest.raises(InvalidRequest, match=r"SKILL\.md"):
        folder_of_files([("my-skill/SKILL.md", data)])


HOSTILE_PATHS = [
    "../evil",
    "my-skill/../../evil",
    "my-skill/..",
    "/etc/passwd",
    "my-skill//x",
    "my-skill/./x",
    "my-skill\\..\\evil",
    "my-skill/a\\b",
    "C:/evil",
    "c:evil",
    "my-skill/a\nb",
    "my-skill/a\x00b",
    "my-skill/\ud800",
    "my-skill/" + "x" * 256,
    "my-skill/" + "d/" * 40 + "x",
    "my-skill/" + "long/" * 120,
    "elsewhere/x",
    "x",
    "my-skill/SKILL.MD",
    "my-skill/SKILL.md",
    "my-skill/SKILL.md/x",
    "my-skill",
]


@pytest.mark.parametrize("path", HOSTILE_PATHS, ids=ascii)
def test_a_file_with_such_a_path_is_refused(path):
    with pytest.raises(InvalidRequest):
        folder_of_files([SKILL, (path, b"x")])


@pytest.mark.parametrize("path", [path for path in HOSTILE_PATHS if path.isprintable()], ids=ascii)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_with_such_a_path_is_refused(path):
    with pytest.raises(InvalidRequest):
        folder_of_zip(archive(SKILL, (path, b"x")))


@pytest.mark.parametrize("path", ["../evil/", "my-skill/../../", "/"])
def test_a_folder_of_a_zip_that_climbs_out_is_refused(path):
    with pytest.raises(InvalidRequest):
        folder_of_zip(archive(SKILL, (path, b"")))


def test_a_name_cut_at_a_nul_is_refused():
    given = archive(SKILL, ("my-skill/aXb", b"x")).replace(b"aXb", b"a\x00b")
    with pytest.raises(InvalidRequest):
        folder_of_zip(given)


def test_the_same_letters_in_another_composition_are_one_file():
    with pytest.raises(InvalidRequest, match="one file"):
        folder_of_files([SKILL, ("my-skill/\u00e9", b""), ("my-skill/e\u0301", b"")])


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
@pytest.mark.parametrize("system", [0, 3])
def test_links_and_devices_are_refused(kind, system):
    given = archive(SKILL, ("my-skill/x", b"/etc/passwd"), create_system=system, external_attr=(kind | 0o777) << 16)
    with pytest.raises(InvalidRequest, match="link or a device"):
        folder_of_zip(given)


def test_an_encrypted_member_is_refused():
    given = bytearray(archive(SKILL))
    entry = given.rfind(b"PK\x01\x02")
    given[entry + 8] |= 1
    with pytest.raises(InvalidRequest, match="encrypted"):
        folder_of_zip(bytes(given))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_plain_compression_is_taken(method):
    with pytest.raises(InvalidRequest, match="unusual"):
        folder_of_zip(archive(SKILL, method=method))


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"x" * 100, archive(SKILL)[:-30], archive(SKILL)[40:]])
def test_what_is_no_whole_zip_is_refused(data):
    with pytest.raises(InvalidRequest):
        folder_of_zip(data)


def test_no_byte_flipped_in_a_zip_is_more_than_a_refusal():
    given = archive(SKILL, ("my-skill/a", b"aaaaaaaaaaaaaaaaaaaaaaaaaaa"))
    for place in range(len(given)):
        broken = bytearray(given)
        broken[place] ^= 0xFF
        try:
            folder_of_zip(bytes(broken))
        except (InvalidRequest, TooLarge):
            continue


def test_too_many_files_are_refused():
    many = [(f"my-skill/{number}", b"") for number in range(limits.SKILL_FILES_MAX)]
    for build in (folder_of_files, lambda files: folder_of_zip(archive(*files))):
        with pytest.raises(InvalidRequest, match="at most 1,000 files"):
            build([SKILL, *many])


def test_too_many_bytes_are_refused():
    with pytest.raises(TooLarge):
        folder_of_files([SKILL, ("my-skill/x", bytes(limits.SKILL_MAX_BYTES))])
    stored = archive(SKILL, ("my-skill/x", bytes(limits.SKILL_MAX_BYTES)), method=zipfile.ZIP_STORED)
    with pytest.raises(TooLarge):
        folder_of_zip(stored)


# Bombs


def cheap(build):
    """Run it, and say how much memory it took at most."""
    tracemalloc.start()
    try:
        with pytest.raises((InvalidRequest, TooLarge)):
            build()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def deflated_zeros(size):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return b"".join([*(packer.compress(bytes(2**20)) for _ in range(size // 2**20)), packer.flush()])


def test_a_bomb_goes_off_outside():
    given = archive(SKILL, ("my-skill/zeros", bytes(2**28)))
    assert cheap(lambda: folder_of_zip(given)) < 2**25


def test_a_bomb_that_says_it_is_small_goes_off_outside():
    packed, entries, start = deflated_zeros(2**28), [], b""
    for name, data, size in ((SKILL[0], HEAD, len(HEAD)), ("my-skill/zeros", packed, 10)):
        method = 8 if data is packed else 0
        crc = zlib.crc32(HEAD)
        fields = struct.pack("<HHHHHIIIHH", 20, 0, method, 0, 33, crc, len(data), size, len(name), 0)
        entries.append(b"PK\x01\x02\x14\x03" + fields + struct.pack("<HHHII", 0, 0, 0, 0, len(start)) + name.encode())
        start += b"PK\x03\x04" + fields + name.encode() + data
    directory = b"".join(entries)
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2, 2, len(directory), len(start), 0)
    assert cheap(lambda: folder_of_zip(start + directory + end)) < 2**25


def test_many_members_over_one_body_are_refused():
    given = bytearray(archive(SKILL, ("my-skill/a", bytes(2**20)), ("my-skill/b", b"b")))
    entries = [place for place in range(len(given)) if given.startswith(b"PK\x01\x02", place)]
    given[entries[2] + 42 : entries[2] + 46] = given[entries[1] + 42 : entries[1] + 46]
    with pytest.raises(InvalidRequest, match="over each other"):
        folder_of_zip(bytes(given))


def test_a_directory_of_a_million_entries_is_not_read():
    entry = b"PK\x01\x02" + bytes(42)
    directory = entry * 500_000
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(directory), 0, 0)
    given = directory + end
    assert cheap(lambda: folder_of_zip(given)) < 2**20


def test_a_zip64_directory_is_not_read():
    locator = b"PK\x06\x07" + bytes(16)
    with pytest.raises(InvalidRequest, match="zip64"):
        folder_of_zip(locator + b"PK\x05\x06" + bytes(18))


def test_a_zip_of_itself_unpacks_once():
    inner = archive(SKILL)
    for _ in range(20):
        inner = archive(SKILL, ("my-skill/again.zip", inner))
    folder = folder_of_zip(inner)
    assert isinstance(folder, SkillFolder)
    assert folder.size < len(inner) * 2
