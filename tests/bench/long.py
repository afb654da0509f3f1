"""Whether a turn costs more when a thousand came before it: our side alone, without the model's own time."""

from tests.bench.client import Product
from tests.bench.report import Row, percentile
from tests.bench.turns import one_turn

TURNS, WINDOW = 1_000, 50
FIRST = 10


def long_session(product: Product) -> list[Row]:
    """One session, turn after turn; the CPU of all processes but the model's, over a window of turns."""
    warm_up(product)
    early, late = range(FIRST, FIRST + WINDOW), range(TURNS - WINDOW, TURNS)
    session, taken, used = product.new_session(), [], {}
    for number in range(TURNS):
        if number in (early[0], late[0]):
            began = product.cpu_by_part()
        taken.append(one_turn(product, session) * 1000)
        if number in (early[-1], late[-1]):
            used[number] = ours(began, product.cpu_by_part()) / WINDOW * 1000
    before, after = used[early[-1]], used[late[-1]]
    medians = [percentile([taken[number] for number in window], 0.5) for window in (early, late)]
    return [
        Row(what=f"CPU of turn {FIRST}, without the model", value=f"{before:.1f} ms"),
        Row(what=f"CPU of turn {TURNS:,}, without the model", value=f"{after:.1f} ms"),
        Row(what="their ratio", value=f"{after / before:.2f}", goal="1.10"),
        Row(what=f"time of turn {FIRST} / {TURNS:,}, with the model", value="{:.1f} / {:.1f} ms".format(*medians)),
    ]


def warm_up(product: Product) -> None:
    session = product.new_session()
    for _ in range(WINDOW):
        one_turn(product, session)


def ours(before: dict[str, float], after: dict[str, float]) -> float:
    return sum(seconds - before[part] for part, seconds in after.items() if part != "model")
