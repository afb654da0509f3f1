"""Threads are shared between callers: nobody gets all of them, and each caller's jobs wait in order."""

import threading
import time
from contextlib import contextmanager

import pytest

from config.shares import MOST, SharedThreads

PATIENCE_SECONDS = 60


class Crowd:
    """Submits jobs that go on until they are told to end, and tells which ones have begun, in order."""

    def __init__(self, threads):
        self.threads, self.begun, self.jobs, self.ends = SharedThreads(threads, "test"), [], {}, {}

    def ask(self, caller, *names):
        for name in names:
            self.ends[name] = threading.Event()
            self.jobs[name] = self.threads.submit(caller, lambda name=name: self.work(name))

    def work(self, name):
        self.begun.append(name)
        assert self.ends[name].wait(PATIENCE_SECONDS)

    def end(self, name):
        self.ends[name].set()
        self.jobs[name].result(PATIENCE_SECONDS)

    def has_begun(self, *names):
        """Of those in line no more do: it is known at once who is given a thread, and only the thread may be late."""
        until(lambda: len(self.begun) >= len(names))
        assert sorted(self.begun) == sorted(names)
        return True

    @property
    def in_line(self):
        return [job for line in self.threads.lines.values() for job in line]


@contextmanager
def crowd(threads):
    one = Crowd(threads)
    try:
        yield one
    finally:
        for end in one.ends.values():
            end.set()
    until(lambda: not one.threads.held)
    assert (one.threads.free, one.threads.lines) == (threads, {})


def until(is_so):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_nobody_gets_all_threads_and_somebody_new_always_finds_one():
    with crowd(10) as one:
        for caller in ("one", "two", "three", "four"):
            one.ask(caller, *(f"{caller} {number}" for number in range(40)))
        assert one.threads.held == {"one": MOST, "two": 3, "three": 1, "four": 1}


def test_a_single_thread_is_not_kept_back():
    with crowd(1) as one:
        one.ask("one", "first")
        assert one.has_begun("first")


def test_jobs_of_a_caller_begin_in_order():
    with crowd(1) as one:
        names = [str(number) for number in range(5)]
        one.ask("one", *names)
        for name in names:
            until(lambda name=name: name in one.begun)
            one.end(name)
        assert one.begun == names


def test_others_go_past_a_line():
    with crowd(3) as one:
        one.ask("one", "1", "2", "3")
        assert one.has_begun("1", "2")
        one.ask("two", "4")
        assert one.has_begun("1", "2", "4")


def test_a_free_thread_goes_to_who_holds_the_fewest():
    with crowd(2) as one:
        one.ask("one", "first")
        one.ask("two", "second")
        one.ask("one", "again")
        one.ask("three", "new")
        one.end("second")
        assert one.has_begun("first", "second", "new")


def test_callers_with_as_many_are_served_in_turns():
    with crowd(1) as one:
        one.ask("first", "0")
        one.ask("one", "a1", "a2")
        one.ask("two", "b1", "b2")
        for number, name in enumerate(["0", "a1", "b1", "a2", "b2"], 1):
            until(lambda number=number: len(one.begun) == number)
            assert one.begun[-1] == name
            one.end(name)


def test_who_leaves_the_line_never_begins():
    with crowd(1) as one:
        one.ask("one", "first", "left", "stays")
        one.threads.leave("one", one.jobs["left"])
        assert one.jobs["left"].cancelled()
        one.end("first")
        assert one.has_begun("first", "stays")


def test_who_leaves_too_late_is_done_all_the_same():
    with crowd(1) as one:
        one.ask("one", "first", "second")
        assert one.has_begun("first")
        one.threads.leave("one", one.jobs["first"])
        assert not one.jobs["first"].cancelled()
        assert len(one.in_line) == 1


def test_a_line_that_does_not_move_has_stood_long():
    with crowd(1) as one:
        one.ask("one", "first", "second")
        assert not one.threads.has_stood_long("two")
        until(lambda: one.threads.has_stood_long("one"))


def test_a_job_that_fails_tells_so_and_gives_its_thread_back():
    def fail():
        raise ValueError("broken")

    with crowd(1) as one:
        for _ in range(3):
            with pytest.raises(ValueError, match="broken"):
                one.threads.submit("one", fail).result(PATIENCE_SECONDS)
