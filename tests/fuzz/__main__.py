"""Starts the product on a new data folder and lets schemathesis call every endpoint for some minutes: no answer may be
a fault of ours, none may take longer than ten seconds. `uv run --group fuzz python -m tests.fuzz [MINUTES]`."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import anthropic

from tests.fuzz.world import fill
from tests.stack import running_up, short_folder

ANSWER_SECONDS = 10
CONFIG = """
[warnings]
enabled = false
"""


def main() -> int:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10
    folder = short_folder()
    try:
        return fuzz(folder, minutes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fuzz(folder: Path, minutes: float) -> int:
    import django

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    with running_up(folder, "--no-demo") as stack:
        found = re.search(r"API key +(\S+)", stack.output())
        assert found, stack.output()
        ids = fill(anthropic.Anthropic(base_url=stack.url, api_key=found[1]))
        (folder / "schemathesis.toml").write_text(CONFIG)
        command = [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(folder / "schemathesis.toml")),
            *("run", f"{stack.url}/v1/openapi.json", "--checks", "not_a_server_error", "--continue-on-failure"),
            *("--header", f"Authorization: Bearer {found[1]}", "--request-timeout", str(ANSWER_SECONDS)),
            *("--phases", "coverage,fuzzing", "--max-time", str(round(minutes * 60)), "--workers", "2"),
            *("--exclude-path-regex", "/stream$"),  # a stream's answer never ends
        ]
        known = {"SCHEMATHESIS_HOOKS": "tests.fuzz.hooks", "LUCID_FUZZ_IDS": json.dumps(ids)}
        ended = subprocess.run(command, env={**os.environ, **known}).returncode
        faults = [line for line in stack.output().splitlines() if "Traceback" in line or " ERROR " in line]
        print(f"{len(faults)} faults in the product's log", *faults[:20], sep="\n")
    return ended or bool(faults)


if __name__ == "__main__":
    sys.exit(main())
