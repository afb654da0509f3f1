"""Bring every stored secret under the newest sealing key."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from agents.services.sealing import reseal_all


class Command(BaseCommand):
    help = (
        "Seal every stored secret again with the first key of LUCID_SEALING_KEYS. Put the new key in front, restart"
        " every process, run this, then take the old key away. Safe to repeat."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        unreadable = 0
        for count in reseal_all():
            unreadable += count.unreadable
            self.stdout.write(
                f"{count.column}: {count.resealed} sealed again, {count.current} were current,"
                f" {count.unreadable} unreadable"
            )
        if unreadable:
            raise CommandError(f"{unreadable} secrets cannot be opened: no key of LUCID_SEALING_KEYS fits them.")
