"""Imports transcripts from elsewhere as finished sessions of one agent."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.actors import platform
from agents.exceptions import DomainError
from agents.services.imports import import_transcripts
from agents.services.workspaces import choose_workspace


class Command(BaseCommand):
    help = "Import transcripts (JSON lines: OpenAI chat, Anthropic messages or Managed Agents events)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a file with one transcript on each line")
        parser.add_argument("--agent", required=True, help="name of the agent; it is made when there is none")
        parser.add_argument("--workspace", help="name or id of the workspace (default: the only one)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            workspace = choose_workspace(options["workspace"])
            with options["file"].open(encoding="utf-8", errors="replace") as lines:
                report = import_transcripts(lines, options["agent"], actor=platform(workspace))
        except DomainError as error:
            raise CommandError(error.message) from error
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}") from error
        for number, problem in report.problems:
            self.stderr.write(f"line {number} skipped: {problem}")
        self.stdout.write(
            f"{len(report.imported)} sessions imported, {report.existing} were there already,"
            f" {len(report.problems)} lines skipped"
        )
        if report.problems and not report.imported and not report.existing:
            raise CommandError("nothing could be imported")
