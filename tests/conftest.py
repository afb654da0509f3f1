"""Alice, Bob and Charlie, their keys and clients, and the real parts of the product as fixtures."""

import os
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import anthropic
import httpx2
import pytest
import redis
from django.conf import settings
from django.contrib.auth.models import User
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client, TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as properties
from playwright.sync_api import BrowserContext, expect

from agents import plugs, queue
from agents.actors import Actor
from agents.models import Member, Role, Scope, Workspace
from agents.services.api_keys import issue_api_key
from agents.services.members import add_member
from agents.services.workspaces import create_workspace
from config.stack.redis import redis_command
from tests import stack as parts
from tests.database import come_to_rest, empty_database
from tests.stack import Stack

PASSWORD = "a-long-test-password"
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
BROWSER_MILLISECONDS = 60_000  # what a test looks for in a page is there at once, or late on a busy machine
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]

# The same examples every time, and as much time for each as a busy machine takes.
properties.register_profile("tests", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
properties.load_profile("tests")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs the running product comes last: its sweeper would drive the sessions that other tests drive by hand.

    At the very end those that share one product, and of them the browser tests: from the first one on, Playwright's
    event loop stays in this thread.
    """
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    names = getattr(item, "fixturenames", ())
    if "browser" in names:
        return 3
    if "stack" not in names:
        return 0
    return 1 if hasattr(item.module, "stack_environment") else 2  # type: ignore[attr-defined]


@pytest.fixture(autouse=True, scope="session")
def _emptying() -> None:
    """What pytest-django does after a test with real transactions."""
    setattr(TransactionTestCase, "_fixture_teardown", lambda self: empty_database())  # noqa: B010


@pytest.fixture
def workspace(db: None) -> Workspace:
    return create_workspace("Acme")


@pytest.fixture
def alice(workspace: Workspace) -> Member:
    """An admin of the workspace."""
    return _person(workspace, "alice", Role.ADMIN)


@pytest.fixture
def rita(workspace: Workspace) -> Member:
    """A reviewer of the workspace."""
    return _person(workspace, "rita", Role.REVIEWER)


@pytest.fixture
def bob(workspace: Workspace) -> Member:
    """A viewer of the workspace."""
    return _person(workspace, "bob", Role.VIEWER)


@pytest.fixture
def charlie(db: None) -> Member:
    """An admin elsewhere, a stranger here."""
    return _person(create_workspace("Elsewhere"), "charlie", Role.ADMIN)


@pytest.fixture
def actor(alice: Member) -> Actor:
    return Actor(workspace=alice.workspace, member=alice)


@pytest.fixture
def api_key(workspace: Workspace) -> str:
    """A key of the workspace with every scope."""
    return issue_api_key(workspace, "test key", scopes=list(Scope))[1]


@pytest.fixture
def stranger_key(charlie: Member) -> str:
    """A key with every scope of another workspace."""
    return issue_api_key(charlie.workspace, "strange key", scopes=list(Scope))[1]


@pytest.fixture
def as_alice(alice: Member) -> Client:
    return _signed_in(alice)


@pytest.fixture
def as_rita(rita: Member) -> Client:
    return _signed_in(rita)


@pytest.fixture
def as_bob(bob: Member) -> Client:
    return _signed_in(bob)


@pytest.fixture
def as_charlie(charlie: Member) -> Client:
    return _signed_in(charlie)


@pytest.fixture
def sdk(api_key: str) -> Iterator[anthropic.Anthropic]:
    """The official client against the application in this process: everything but event streams."""
    with in_process_client(api_key) as client:
        yield client


@pytest.fixture
def stranger_sdk(stranger_key: str) -> Iterator[anthropic.Anthropic]:
    with in_process_client(stranger_key) as client:
        yield client


@pytest.fixture(scope="session")
def redis_server() -> Iterator[str]:
    """The embedded Redis at the address that the settings name."""
    with parts.running(*redis_command(settings.DATA_DIR), data_dir=settings.DATA_DIR):
        parts.wait_for(_redis_answers, parts.READY_SECONDS)
        yield settings.REDIS_URL
    queue.connection.cache_clear()


@pytest.fixture
def clean_redis(redis_server: str) -> str:
    redis.Redis.from_url(redis_server).flushdb()
    return redis_server


@pytest.fixture(scope="session")
def practice() -> Iterator[str]:
    """The practice model's address; the model client of this process is pointed at it."""
    from tests.agents.practice_server import running_practice

    with running_practice() as url, pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "ANTHROPIC_BASE_URL", url)
        plugs.model_client.cache_clear()
        yield url
    plugs.model_client.cache_clear()


@pytest.fixture(scope="session")
def sandbox_host() -> Iterator[str]:
    """The socket of a sandbox host that this process's tools use."""
    command = ("-m", "agents.sandbox.host", "--socket", settings.LUCID_SANDBOX_SOCKET, "--root", settings.SANDBOX_ROOT)
    with parts.running(sys.executable, *map(str, command), data_dir=settings.DATA_DIR) as process:
        parts.wait_for(lambda: _is_socket(settings.LUCID_SANDBOX_SOCKET, process), parts.READY_SECONDS)
        plugs.sandbox.cache_clear()
        yield settings.LUCID_SANDBOX_SOCKET
    plugs.sandbox.cache_clear()


@pytest.fixture(scope="module")
def stack_environment() -> dict[str, str] | None:
    """What else the running product is told; a module that overrides this has a product of its own."""
    return None


@pytest.fixture(scope="session")
def _shared_stack(
    django_db_setup: None, django_db_blocker: pytest.FixtureRequest, redis_server: str
) -> Iterator[Stack]:
    with _started(django_db_blocker.unblock, redis_server) as running:  # type: ignore[attr-defined]
        yield running


@pytest.fixture(scope="module")
def _running_stack(
    request: pytest.FixtureRequest,
    django_db_setup: None,
    django_db_blocker: pytest.FixtureRequest,
    redis_server: str,
    stack_environment: dict[str, str] | None,
) -> Iterator[Stack]:
    if stack_environment is None:
        yield request.getfixturevalue("_shared_stack")
        return
    with _started(django_db_blocker.unblock, redis_server, **stack_environment) as running:  # type: ignore[attr-defined]
        yield running


@contextmanager
def _started(
    unblocked: Callable[[], AbstractContextManager[None]], redis_server: str, **environment: str
) -> Iterator[Stack]:
    data_dir = parts.short_folder()
    with unblocked():
        database = parts.database_url()
        placeholder = create_workspace("Here, so that no first admin is made")
    try:
        addresses = {"DATABASE_URL": database, "REDIS_URL": redis_server}
        with ExitStack() as running:
            try:
                found = running.enter_context(parts.running_up(data_dir, "--no-demo", **addresses, **environment))
            finally:
                with unblocked():
                    placeholder.delete()
            yield found
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)


@pytest.fixture
def stack(transactional_db: None, _running_stack: Stack) -> Iterator[Stack]:
    """The whole product, as `up` starts it, on this test's own database; at rest again when the test is over."""
    yield _running_stack
    if going_on := come_to_rest():
        warnings.warn(f"still driven after the test: {', '.join(going_on)}", stacklevel=1)


@pytest.fixture
def live_sdk(stack: Stack, api_key: str) -> Iterator[anthropic.Anthropic]:
    """The official client against the running product."""
    with anthropic.Anthropic(base_url=stack.url, api_key=api_key, max_retries=0) as client:
        yield client


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, object]) -> dict[str, object]:
    """Debian's Chromium, or the test is skipped with the reason."""
    names = [os.environ.get("CHROMIUM", ""), *CHROMIUM_NAMES]
    path = next((found for name in names if name and (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("no Chromium on this machine (install chromium, or set CHROMIUM to its path)")
    # Playwright runs an event loop in this thread; the tests' own queries are not inside it.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    expect.set_options(timeout=BROWSER_MILLISECONDS)
    return {**browser_type_launch_args, "executable_path": path, "args": CHROMIUM_ARGUMENTS}


@pytest.fixture
def context(context: BrowserContext) -> BrowserContext:
    """Where a page may take as long as what is looked for in it."""
    context.set_default_timeout(BROWSER_MILLISECONDS)
    return context


def _person(workspace: Workspace, name: str, role: str) -> Member:
    return add_member(workspace, User.objects.create_user(name, password=PASSWORD), role)


def _signed_in(member: Member) -> Client:
    client = Client()
    client.force_login(member.user)
    return client


def in_process_client(key: str) -> anthropic.Anthropic:
    transport = httpx2.WSGITransport(app=_on_this_connection(get_wsgi_application()), raise_app_exceptions=False)
    return anthropic.Anthropic(
        base_url="http://testserver",
        api_key=key,
        max_retries=0,
        http_client=anthropic.DefaultHttpxClient(transport=transport),
    )


def _on_this_connection(application: WSGIApplication) -> WSGIApplication:
    """Without closing the database connection around a request: the test's transaction lives on it."""

    def wrapped(environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
        try:
            response = application(environ, start_response)
            body = list(response)
            response.close()  # type: ignore[attr-defined]
            return body
        finally:
            for signal in (request_started, request_finished):
                signal.connect(close_old_connections)

    return wrapped


def _redis_answers() -> bool | None:
    try:
        return bool(redis.Redis.from_url(settings.REDIS_URL).ping())
    except (redis.exceptions.RedisError, OSError):
        return None


def _is_socket(path: str, process: "subprocess.Popen[bytes]") -> bool | None:
    assert process.poll() is None, f"the sandbox host ended with {process.returncode}"
    return True if Path(path).is_socket() else None
