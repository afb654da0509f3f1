#!/usr/bin/env python
"""Lucid's command line."""

import os
import sys


def keep_data_dir(arguments: list[str]) -> None:
    # Settings read the data folder before any command parses its options.
    for index, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name == "--data-dir":
            os.environ["LUCID_DATA_DIR"] = value if equals else "".join(arguments[index + 1 : index + 2])


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    keep_data_dir(sys.argv[1:])
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"Lucid cannot start: {error}")


if __name__ == "__main__":
    main()
