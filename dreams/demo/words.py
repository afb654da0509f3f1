"""PURE: pseudo-words from a seed, each given out once."""

import random

ONSETS = ("b", "br", "d", "dr", "f", "g", "gl", "k", "kr", "l", "m", "n", "p", "pl", "r", "s", "t", "tr", "v", "z")
VOWELS = ("a", "e", "i", "o", "u")
ENDINGS = ("l", "m", "n", "r", "s", "k", "v", "x")


class Words:
    """A stream of new words; the same seed gives the same words in the same order."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(f"{seed}/words")  # noqa: S311 - names, not secrets
        self._given: set[str] = set()

    def word(self, syllables: int = 2) -> str:
        while True:
            parts = [self._random.choice(ONSETS) + self._random.choice(VOWELS) for _ in range(syllables)]
            word = "".join(parts) + self._random.choice(ENDINGS)
            if word not in self._given:
                self._given.add(word)
                return word

    def words(self, count: int, syllables: int = 2) -> tuple[str, ...]:
        return tuple(self.word(syllables) for _ in range(count))
