"""Runs everything on one machine, in the foreground, until Ctrl+C."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from config.stack import lock, web
from config.stack.children import answer_of
from config.stack.database import prepare_database
from config.stack.first_start import FirstSecrets, prepare_first_start
from config.stack.sandbox import tell_about_sandbox
from config.stack.supervisor import Supervisor, take_signals

LOOPBACK = ("127.0.0.1", "::1", "localhost")
EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104


class Command(BaseCommand):
    help = "Run Lucid on this machine: Redis, the web server, workers, the sandbox host and the scheduler."
    requires_system_checks = ()
    requires_migrations_checks = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: 127.0.0.1)")
        parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
        parser.add_argument("--workers", type=int, default=1, help="worker processes (default: 1)")
        parser.add_argument("--data-dir", help="folder for everything that is kept (default: LUCID_DATA_DIR or var/)")
        parser.add_argument("--no-demo", action="store_true", help="leave the demo workspace out")

    def handle(self, *args: Any, **options: Any) -> None:
        check_options(options)
        allow_host(options["host"])
        held = lock.hold(settings.DATA_DIR)
        listener = web.listen(options["host"], options["port"])
        supervisor = Supervisor(data_dir=settings.DATA_DIR, listener=listener, workers=options["workers"])
        take_signals(supervisor.request_stop)
        try:
            self.run_stack(supervisor, options)
            self.say("stopping ...")
        finally:
            listener.close()
            supervisor.stop()
            held.close()
        self.say("stopped")

    def run_stack(self, supervisor: Supervisor, options: dict[str, Any]) -> None:
        supervisor.start_redis(embeds_redis="REDIS_URL" not in os.environ)
        settings.LOCAL_URL = web.local_url(supervisor.listener)
        # Generated tasks are no work for a paid model: the demo is for the practice model alone.
        with_demo = not options["no_demo"] and not settings.ANTHROPIC_API_KEY
        first = answer_of(lambda: prepare(with_demo=with_demo), title="task")
        supervisor.start_base()
        supervisor.start_work()
        supervisor.wait_until_ready()
        if supervisor.stopping.is_set():
            return
        host, port = supervisor.listener.getsockname()[:2]
        if first:
            self.show(first)
        self.stdout.write(f"ready at http://{f'[{host}]' if ':' in host else host}:{port}")
        if host in EVERYWHERE and "ALLOWED_HOSTS" not in os.environ:
            self.stdout.write("Set ALLOWED_HOSTS to the names that browsers use for this machine; others are refused.")
        self.stdout.flush()
        supervisor.run_once("sandbox check", tell_about_sandbox)
        supervisor.run()

    def say(self, word: str) -> None:
        self.stdout.write(word)
        self.stdout.flush()

    def show(self, first: FirstSecrets) -> None:
        self.stdout.write("First start. This is shown once and kept nowhere:")
        self.stdout.write(f"  sign in as  {first.username}")
        self.stdout.write(f"  password    {first.password}")
        self.stdout.write(f"  API key     {first.api_key}")


def prepare(*, with_demo: bool) -> FirstSecrets | None:
    prepare_database()
    return prepare_first_start(with_demo=with_demo)


def check_options(options: dict[str, Any]) -> None:
    if options["workers"] < 1:
        raise CommandError("--workers takes a number from 1 on")
    if settings.ANTHROPIC_BASE_URL_IS_SET and not settings.ANTHROPIC_API_KEY:
        raise CommandError(
            "ANTHROPIC_BASE_URL is set and ANTHROPIC_API_KEY is not: set both "
            "(any text where the endpoint needs no key), or neither to use the practice model."
        )


def allow_host(host: str) -> None:
    """Answer to the address it listens on; names that browsers use beside it belong into ALLOWED_HOSTS."""
    if host not in (*LOOPBACK, *EVERYWHERE) and host not in settings.ALLOWED_HOSTS:
        settings.ALLOWED_HOSTS = [*settings.ALLOWED_HOSTS, f"[{host}]" if ":" in host else host]
