"""Print one new API key, and nothing else, on one line."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.exceptions import DomainError
from agents.models import Scope
from agents.services.api_keys import DEFAULT_SCOPES, issue_api_key
from agents.services.workspaces import choose_workspace


class Command(BaseCommand):
    help = "Create an API key and print it: one line, shown once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="what the key is for")
        parser.add_argument("--workspace", help="name or id; needed when there are several")
        parser.add_argument("--scope", action="append", choices=Scope.values, help="may be given several times")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            workspace = choose_workspace(options["workspace"])
            _, text = issue_api_key(workspace, options["name"], scopes=options["scope"] or DEFAULT_SCOPES)
        except DomainError as error:
            raise CommandError(error.message)
        self.stdout.write(text)
