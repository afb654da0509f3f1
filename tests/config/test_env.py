"""Environment variables: good ones are read, bad ones stop the start by name."""

import os
import stat
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env
from tests.stack import ROOT, clean_environment


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LUCID_TURN_SLOTS", "many", "a whole number from 1 to 500"),
        ("LUCID_TURN_SLOTS", "0", "a whole number from 1 to 500"),
        ("DEBUG", "perhaps", "1, true, yes, on, 0, false, no, off"),
        ("DATABASE_URL", "mysql://localhost/lucid", "sqlite:// or postgres:// or postgresql://"),
        ("DATABASE_URL", "mysql://me:hidden/@localhost/lucid?password=hidden", "'mysql://…@localhost/lucid' is not"),
        ("DATABASE_URL", "postgres://localhost/lucid?server_side_binding=off", "use a whole number"),
        ("DATABASE_URL", "postgres://localhost", "names no database"),
        ("DATABASE_URL", "postgres://localhost:many/lucid", "the port must be a number"),
        ("REDIS_URL", "localhost:6379", "redis:// or rediss:// or unix://"),
        ("ANTHROPIC_BASE_URL", "api.example.com", "http:// or https://"),
        ("LUCID_SEARCH_URL", "http://[::1/search", "http:// or https://"),
        ("LOG_LEVEL", "LOUD", "DEBUG, INFO, WARNING, ERROR"),
        ("LUCID_FILES_STORAGE", "/some/folder", "a URL that starts with s3://"),
        ("LUCID_FILES_STORAGE", "s3://bucket?acl=public", "s3://BUCKET/FOLDER with the options endpoint, region"),
        ("SECRET_KEY_FILE", "/nowhere/secret", "cannot be read"),
        ("LUCID_SEALING_KEYS", "k" * 40 + ",tooshort", "key 2 is too short: use keys of at least 32 characters"),
    ],
)
def test_a_bad_value_stops_the_start_with_its_name_and_what_is_allowed(tmp_path, name, value, told):
    environment = {**clean_environment(tmp_path), name: value}
    if name == "SECRET_KEY_FILE":
        del environment["SECRET_KEY"]
    command = [sys.executable, "manage.py", "check"]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert name in ended.stderr
    assert told in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert "tooshort" not in ended.stderr  # a key, even a bad one, is told to nobody
    assert "hidden" not in ended.stderr


def test_a_data_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LUCID_DATA_DIR", str(tmp_path / "file" / "below"))
    with pytest.raises(ImproperlyConfigured, match=r"LUCID_DATA_DIR=.*file/below"):
        env.data_folder("LUCID_DATA_DIR", tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_data_folder_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    tmp_path.chmod(0o500)
    monkeypatch.setenv("LUCID_DATA_DIR", str(tmp_path))
    with pytest.raises(ImproperlyConfigured, match="cannot be written"):
        env.data_folder("LUCID_DATA_DIR", tmp_path)


def test_a_secret_is_made_once_and_only_its_owner_reads_it(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    path = tmp_path / "secret-key"
    first = env.env_secret("SECRET_KEY", path)
    assert len(first) >= 50
    assert env.env_secret("SECRET_KEY", path) == first
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_secret_may_come_from_a_file(tmp_path, monkeypatch):
    monkeypatch.delenv("SECRET_KEY", raising=False)
    (tmp_path / "mounted").write_text("from a file\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "mounted"))
    assert env.env_secret("SECRET_KEY", tmp_path / "unused") == "from a file"


def test_a_postgres_address_is_taken_apart(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://lu:p%40ss@db.example:5433/lucid?sslmode=require&passfile=007")
    read = env.database("DATABASE_URL", tmp_path / "unused")
    assert [read[key] for key in ("NAME", "USER", "PASSWORD", "HOST", "PORT")] == [
        "lucid",
        "lu",
        "p@ss",
        "db.example",
        "5433",
    ]
    assert (read["OPTIONS"]["sslmode"], read["OPTIONS"]["passfile"]) == ("require", "007")


def test_what_an_address_tells_the_server_at_the_start_is_told_besides_ours(tmp_path, monkeypatch):
    def told(query):
        monkeypatch.setenv("DATABASE_URL", f"postgres://db.example/lucid{query}")
        return env.database("DATABASE_URL", tmp_path / "unused")["OPTIONS"]["options"]

    assert told("") == "-c jit=off"
    assert told("?options=-c%20search_path%3Dlucid") == "-c jit=off -c search_path=lucid"


def test_statements_are_prepared_unless_a_postgres_address_says_otherwise(tmp_path, monkeypatch):
    def is_prepared(address):
        monkeypatch.setenv("DATABASE_URL", address)
        return bool(env.database("DATABASE_URL", tmp_path / "unused")["OPTIONS"]["server_side_binding"])

    assert is_prepared("postgres://db.example/lucid")
    assert not is_prepared("postgres://db.example/lucid?server_side_binding=0")


@pytest.mark.parametrize(
    ("address", "used"),
    [
        ("redis://cache:6379/1", "redis://cache:6379/1?max_connections=1000"),
        ("redis://cache/1?db=2", "redis://cache/1?db=2&max_connections=1000"),
        ("unix:///run/redis.sock?max_connections=50", "unix:///run/redis.sock?max_connections=50"),
    ],
)
def test_every_worker_slot_gets_a_redis_connection(tmp_path, monkeypatch, address, used):
    monkeypatch.setenv("REDIS_URL", address)
    assert env.redis_url("REDIS_URL", tmp_path / "unused") == used


def test_a_socket_of_a_deep_data_folder_lies_where_its_path_is_short_enough(tmp_path):
    deep = tmp_path / ("d" * 120)
    path = env.socket_path(deep, "redis.sock")
    assert len(os.fsencode(path)) <= env.SOCKET_PATH_MAX_BYTES
    assert path == env.socket_path(deep, "redis.sock")
    assert path != env.socket_path(tmp_path / ("e" * 120), "redis.sock")
    path.parent.rmdir()


def test_sizes_are_read_by_name(monkeypatch):
    monkeypatch.setenv("LUCID_MODEL_WINDOWS", "my-model=32000, other/model=8000,")
    assert env.env_sizes("LUCID_MODEL_WINDOWS", minimum=1_000) == {"my-model": 32_000, "other/model": 8_000}


@pytest.mark.parametrize("value", ["my-model", "my-model=many", "=8000", "my-model=999"])
def test_a_size_that_is_none_is_told_with_what_is_allowed(monkeypatch, value):
    monkeypatch.setenv("LUCID_MODEL_WINDOWS", f"other=8000,{value}")
    with pytest.raises(
        ImproperlyConfigured, match=r"LUCID_MODEL_WINDOWS: .* use NAME=NUMBER, parted by commas, .* 1000"
    ):
        env.env_sizes("LUCID_MODEL_WINDOWS", minimum=1_000)
