"""What a before and an after may be said to show."""

import pytest

from outcomes.baselines import TOO_FEW, Finding, compare, needed_per_side, rate


@pytest.mark.parametrize(
    ("total", "low", "high"), [(10, 31, 83), (20, 39, 78), (50, 46, 72), (100, 50, 69), (200, 53, 67)]
)
def test_wilson_interval_of_sixty_percent(total: int, low: int, high: int) -> None:
    found = rate(round(total * 0.6), total)
    assert (round(found.low * 100), round(found.high * 100)) == (low, high)


def test_an_interval_never_leaves_zero_to_one() -> None:
    assert (rate(0, 5).low, rate(5, 5).high) == (0.0, 1.0)
    assert rate(0, 5).high > 0.3


def test_nothing_counted_leaves_everything_possible() -> None:
    empty = rate(0, 0)
    assert (empty.low, empty.high, empty.sentence) == (0.0, 1.0, "no session yet")


def test_an_impossible_count_is_refused() -> None:
    with pytest.raises(ValueError, match="3 of 2"):
        rate(3, 2)


def test_the_sentence_names_count_and_interval() -> None:
    assert rate(52, 84).sentence == "62 % (52 of 84, 51–72)"


def test_a_clear_gain_is_called_better() -> None:
    comparison = compare(rate(12, 60), rate(48, 60))
    assert comparison.finding is Finding.BETTER
    assert comparison.sentence == "More sessions are completed since memory changed: +60 points (+43 to +72)."


def test_a_clear_loss_is_called_worse() -> None:
    assert compare(rate(48, 60), rate(12, 60)).finding is Finding.WORSE


def test_an_interval_that_holds_zero_is_too_few_to_tell_and_says_how_many_are_needed() -> None:
    comparison = compare(rate(52, 84), rate(43, 61))
    assert comparison.finding is Finding.UNCLEAR
    assert comparison.difference_text == "+9 points (−7 to +23)"
    assert comparison.sentence.endswith("per side are needed to see a difference of 9 points.")


def test_below_twenty_even_a_perfect_change_is_too_few() -> None:
    comparison = compare(rate(0, TOO_FEW - 1), rate(40, 40))
    assert comparison.finding is Finding.TOO_FEW
    assert "19 on the smaller side" in comparison.sentence


def test_an_empty_side_is_said() -> None:
    assert "since memory changed" in compare(rate(3, 30), rate(0, 0)).sentence
    assert "before memory changed" in compare(rate(0, 0), rate(3, 30)).sentence
    assert compare(rate(0, 0), rate(0, 0)).difference_text == "–"


def test_sample_sizes_match_the_usual_formula() -> None:
    assert needed_per_side(0.5, 0.6) == 388
    assert needed_per_side(0.4, 0.4) is None
