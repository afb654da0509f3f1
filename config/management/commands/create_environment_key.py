"""Print one new key for the workers of a self-hosted environment, and nothing else, on one line."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.exceptions import DomainError
from agents.services.environment_keys import find_environment, issue_environment_key


class Command(BaseCommand):
    help = "Create a key for the workers of a self-hosted environment and print it: one line, shown once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--environment", required=True, help="id of the environment")
        parser.add_argument("--name", required=True, help="which worker the key is for")
        parser.add_argument(
            "--may-confirm",
            action="store_true",
            help="let it allow and deny tool calls that ask; only for a worker whose key no agent can read",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            environment = find_environment(options["environment"])
            _, text = issue_environment_key(environment, options["name"], may_confirm=options["may_confirm"])
        except DomainError as error:
            raise CommandError(error.message)
        self.stdout.write(text)
