"""The product's settings for tests: a data folder of their own, a database file that other processes can open."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

if "LUCID_TEST_DIR" not in os.environ:
    os.environ["LUCID_TEST_DIR"] = tempfile.mkdtemp(prefix="lucid-test-")
    atexit.register(shutil.rmtree, os.environ["LUCID_TEST_DIR"], ignore_errors=True)
TEST_DIR = Path(os.environ["LUCID_TEST_DIR"])

os.environ["LUCID_DATA_DIR"] = str(TEST_DIR)
os.environ["SECRET_KEY"] = "only-for-tests-0123456789-0123456789-0123456789"
os.environ["LUCID_SEALING_KEYS"] = "only-for-tests-sealing-0123456789-0123456789"
os.environ.pop("REDIS_URL", None)
os.environ.pop("ANTHROPIC_BASE_URL", None)
os.environ.pop("ANTHROPIC_API_KEY", None)

from config.settings import *  # noqa: E402, F403
from config.settings import DATABASES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": TEST_DIR / "test.sqlite3"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
