"""Threads are shared between callers: nobody gets all of them, and each caller's requests wait in order."""

import asyncio

from config.shares import MOST, Shares


def run(test):
    """Shares belong to an event loop."""

    async def inside():
        test()

    asyncio.run(inside())


def take_all(shares, caller):
    taken = 0
    while shares.take(caller):
        taken += 1
    return taken


def test_nobody_gets_all_threads_and_somebody_new_always_finds_one():
    shares = Shares(10)
    assert [take_all(shares, caller) for caller in ("one", "two", "three", "four")] == [MOST, 3, 2, 1]


def test_a_single_thread_is_not_kept_back():
    shares = Shares(1)
    assert take_all(shares, "one") == 1


def test_who_waits_is_called_in_order_and_nobody_goes_past_its_own_line():
    def test():
        shares = Shares(10)
        take_all(shares, "one")
        turns = [shares.stand_in_line("one") for _ in range(3)]
        called = []
        for number in range(3):
            shares.give_back("one")
            called.append([turn.done() for turn in turns])
            assert shares.take("one") is False, number
        assert called == [[True, False, False], [True, True, False], [True, True, True]]

    run(test)


def test_others_go_past_a_line():
    def test():
        shares = Shares(10)
        take_all(shares, "one")
        turn = shares.stand_in_line("one")
        assert shares.take("two")
        assert not turn.done()

    run(test)


def test_a_free_thread_goes_to_who_holds_the_fewest():
    def test():
        shares = Shares(2)
        assert shares.take("one")
        assert shares.take("two")
        again, new = shares.stand_in_line("one"), shares.stand_in_line("three")
        shares.give_back("two")
        assert (again.done(), new.done()) == (False, True)

    run(test)


def test_callers_with_as_many_are_called_in_turns():
    def test():
        shares = Shares(1)
        assert shares.take("first")
        turns = [shares.stand_in_line(caller) for caller in ("one", "one", "two", "two")]
        holder, order = "first", []
        while len(order) < len(turns):
            shares.give_back(holder)
            (called,) = (number for number, turn in enumerate(turns) if turn.done() and number not in order)
            order.append(called)
            holder = "one" if called < 2 else "two"
        assert order == [0, 2, 1, 3]

    run(test)


def test_who_leaves_is_not_called():
    def test():
        shares = Shares(1)
        assert shares.take("one")
        left, stays = shares.stand_in_line("one"), shares.stand_in_line("one")
        shares.leave("one", left)
        shares.give_back("one")
        assert (left.done(), stays.done()) == (False, True)

    run(test)


def test_who_leaves_as_its_turn_comes_gives_the_thread_to_the_next():
    def test():
        shares = Shares(1)
        assert shares.take("one")
        left, stays = shares.stand_in_line("one"), shares.stand_in_line("two")
        shares.give_back("one")
        assert (left.done(), stays.done()) == (True, False)
        shares.leave("one", left)
        assert stays.done()

    run(test)


def test_nothing_is_left_of_callers_that_are_done():
    def test():
        shares = Shares(3)
        for number in range(100):
            assert shares.take(number)
            shares.leave(number, shares.stand_in_line(number))
            shares.give_back(number)
        assert (shares.free, shares.held, shares.lines) == (3, {}, {})

    run(test)
