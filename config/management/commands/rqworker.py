"""Runs one worker, whose thread slots serve the queues; more of these, on other machines too, do more at once."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.worker import default_slots, run_worker


class Command(BaseCommand):
    help = "Serve the queues with thread slots until SIGTERM or Ctrl+C."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("queues", nargs="*", help="queues to serve (default: all)")
        parser.add_argument("--slots", type=int, help="jobs at once on each queue (default: from the settings)")

    def handle(self, *args: Any, **options: Any) -> None:
        queues = options["queues"] or list(settings.RQ_QUEUES)
        if unknown := [name for name in queues if name not in settings.RQ_QUEUES]:
            raise CommandError(f"No queue is named {unknown[0]}: use one of {', '.join(settings.RQ_QUEUES)}")
        if options["slots"] is not None and options["slots"] < 1:
            raise CommandError("--slots takes a number from 1 on")
        run_worker({name: options["slots"] or default_slots()[name] for name in queues})
