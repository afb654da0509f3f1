"""Reading multipart requests part by part."""

import pytest
from django.test import RequestFactory

from agents.api.multipart import IN_MEMORY_BYTES, read_parts
from agents.exceptions import InvalidRequest, TooLarge

CRLF = "\r\n"


def part(disposition, data, *headers):
    return CRLF.join([f"Content-Disposition: form-data; {disposition}", *headers, "", data])


def request(*parts, content_type="multipart/form-data; boundary=b", end="--b--\r\n"):
    body = "".join(f"--b\r\n{each}\r\n" for each in parts) + end
    return RequestFactory().generic("POST", "/v1/files", body.encode(), content_type=content_type)


def read(sent, *, parts_max=10, bytes_max=1_000_000):
    with read_parts(sent, parts_max=parts_max, bytes_max=bytes_max) as parts:
        return [(each.name, each.filename, each.content_type, each.size, each.file.read()) for each in parts]


def test_names_keep_their_folders_and_bare_bytes_have_none():
    sent = request(
        part('name="files[]"; filename="sk/a/SKILL.md"', "hi", "Content-Type: text/markdown; charset=utf-8"),
        part('name="file"', "\x01\x02"),
    )
    assert read(sent) == [
        ("files[]", "sk/a/SKILL.md", "text/markdown", 2, b"hi"),
        ("file", None, "", 2, b"\x01\x02"),
    ]


@pytest.mark.parametrize(
    ("sent", "name"),
    [
        ("filename=\"=?utf-8?B?dMOkYmxlLmNzdg==?=\"; filename*=utf-8''t%C3%A4ble.csv", "täble.csv"),
        ("FileName*=ISO-8859-1'de't%e4ble.csv; filename=table.csv", "täble.csv"),
        ("filename=a.txt; filename*=utf-8''sk%2Fa.txt", "sk/a.txt"),
        ("filename=a.txt; filename*=koi8-r''b.txt", "a.txt"),
    ],
)
def test_a_name_beyond_ascii_may_come_as_dotnet_sends_it(sent, name):
    assert [found[:2] for found in read(request(part(f"name=file; {sent}", "x")))] == [("file", name)]


def test_a_large_part_is_hashed_and_whole():
    data = "0123456789abcdef" * (IN_MEMORY_BYTES // 8)
    with read_parts(request(part('name="file"; filename="x"', data)), parts_max=1, bytes_max=10**6) as (found,):
        assert found.file.read() == data.encode()
        assert len(found.sha256) == 64
    assert found.file.closed


def test_a_field_is_text():
    with read_parts(request(part('name="n"', "é")), parts_max=1, bytes_max=100) as (found,):
        assert found.text == "é"


@pytest.mark.parametrize(
    "sent",
    [
        request(part('name="a"', "x"), end=""),
        request(part('name="a"', "x"), content_type="application/json"),
        request(part('name="a"', "x"), content_type="multipart/form-data"),
        request(part('name="a"', "x"), content_type="multipart/form-data; boundary=other"),
        request("no header at all"),
        request(part('filename="a"', "x")),
        request(part('name="a"; filename="a\x00b"', "x")),
        request(part("name=a; filename*=utf-8''a%00b", "x")),
        request(end=""),
        request(*[part('name="a"', "x")] * 11),
    ],
)
def test_a_malformed_body_gets_400(sent):
    with pytest.raises(InvalidRequest):
        read(sent)


def test_parts_beyond_the_limit_get_413():
    with pytest.raises(TooLarge):
        read(request(part('name="a"', "xxx"), part('name="b"', "xxx")), bytes_max=5)
