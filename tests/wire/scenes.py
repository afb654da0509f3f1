"""A session on a stage: a client acts through the official SDK, a worker drives it, and its story is told."""

import json
import threading
from contextlib import contextmanager

from django.db import connections

from agents import jobs
from agents.eventlog.fold import fold
from agents.models import Session, Thread
from tests.stack import wait_for
from tests.wire.story import Story

TOOLSET = "agent_toolset_20260401"
FIND = {
    "type": "custom",
    "name": "find_order",
    "description": "Finds an order.",
    "input_schema": {"type": "object", "properties": {"order": {"type": "string"}}},
}
INTERRUPT = {"type": "user.interrupt"}
DONE = {"text": "done"}


class Scene:
    def __init__(self, wire, session):
        self.wire, self.session = wire, session
        self.thread_id = Thread.objects.get(session=session.id, parent=None).pk
        self._told = 0

    # The client

    def send(self, *events):
        """What the server answers, as it answers it."""
        return self.wire.beta.sessions.events.send(self.session.id, events=list(events)).data

    def act(self, *events):
        """Send these, let a worker drive the session until it rests, and tell what is new."""
        self.send(*events)
        return self.drive()

    def __getitem__(self, letter):
        """The id of a call."""
        names = self.story().names
        return next(event_id for event_id, name in names.items() if name == letter)

    # The worker

    def drive(self):
        jobs.run_thread(self.thread_id)
        return self.new()

    @contextmanager
    def driving(self, awaited):
        """A worker is at it, and has come to where the log ends with an event of this type."""
        worker = threading.Thread(target=_run_in_thread, args=(self.thread_id,))
        worker.start()
        try:
            wait_for(lambda: self.events()[-1].type == awaited or None, 60)
            yield
        finally:
            worker.join(60)
        assert not worker.is_alive()

    def retry(self):
        """The delay before the next try is over."""
        Thread.objects.filter(pk=self.thread_id).update(wake_at=None)
        return self.drive()

    # The story

    def events(self):
        return list(self.wire.beta.sessions.events.list(self.session.id))

    def story(self):
        return Story(self.events(), thread_id=self.thread_id, agent_name=self.session.agent.name)

    def new(self):
        """What came into the log since it was asked last; what waits is told again when it is taken."""
        story = self.story()
        fresh = story.lines[self._told :]
        self._told = sum(event.processed_at is not None for event in story.events)
        self._check_columns()
        return fresh

    def _check_columns(self):
        """What is stored of the session is what its log folds to."""
        row = Session.objects.get(pk=self.session.id)
        log = [(event.type, event.payload, event.processed_at) for event in row.events.in_order()]
        state = fold(log, model=self.session.agent.model.id)
        for name in ("status", "stop_reason", "usage", "spent", "active_seconds", "running_since", "ended_at"):
            assert getattr(state, name) == getattr(row, name), name

    @property
    def status(self):
        return self.wire.beta.sessions.retrieve(self.session.id).status


def _run_in_thread(thread_id):
    try:
        jobs.run_thread(thread_id)
    finally:
        connections.close_all()


def says(words, *steps):
    """A message of these words; what follows is the practice model's part."""
    text = f"{words}\npractice: {json.dumps({'steps': steps})}" if steps else words
    return {"type": "user.message", "content": [{"type": "text", "text": text}]}


def confirm(call, result="allow", **more):
    return {"type": "user.tool_confirmation", "tool_use_id": call, "result": result, **more}


def custom_result(call, words, **more):
    content = [{"type": "text", "text": words}]
    return {"type": "user.custom_tool_result", "custom_tool_use_id": call, "content": content, **more}


def worked(call, words, **more):
    """The result of a built-in call that somebody's own worker carried out."""
    content = [{"type": "text", "text": words}]
    return {"type": "user.tool_result", "tool_use_id": call, "content": content, **more}


def bash(command):
    return {"tool": "bash", "input": {"command": command}}


def find(order="A1"):
    return {"tool": "find_order", "input": {"order": order}}


def policy(kind, *names):
    """The toolset with this permission policy, for all its tools or for those that are named."""
    chosen = {"permission_policy": {"type": kind}}
    if names:
        return {"type": TOOLSET, "configs": [{"name": name, **chosen} for name in names]}
    return {"type": TOOLSET, "default_config": chosen}


def fails(status, kind="api_error", **more):
    return {"error": {"status": status, "type": kind}, **more}
