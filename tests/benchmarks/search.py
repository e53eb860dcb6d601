"""What a search costs, whatever is typed: the index of `nearline serve`, one thread's CPU, no broker."""

import time
from collections.abc import Iterator
from random import Random
from typing import Any

import numpy as np

from schemas import Tags, Title
from streams.serve.mirror.title_index import TitleIndex

__all__ = ["search"]

TITLES, WORDS, QUERIES = 30_000, 20_000, 300
SYLLABLES = [
    "ka",
    "lo",
    "mi",
    "ten",
    "ra",
    "shu",
    "vel",
    "dor",
    "an",
    "bri",
    "co",
    "zu",
    "pha",
    "qui",
    "sto",
    "ner",
    "tor",
    "el",
    "vi",
    "sa",
    "mur",
    "pen",
]
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONGEST = 256
"""Letters of a query, as the interface bounds them."""


def search() -> dict[str, Any]:
    """Measure searches and their corrections in ms, by what is typed; `titles` in the index."""
    rng = Random(1)
    words = ["".join(rng.choices(SYLLABLES, k=rng.randint(2, 4))) for _ in range(WORDS)]
    index = TitleIndex()
    for n in range(TITLES):
        cast = tuple(" ".join(rng.choices(words, k=2)) for _ in range(4))
        name = " ".join(rng.choices(words, k=3))
        index.put(Title(title_id=f"t{n}", name=name, tags=Tags(cast=cast, genre=("Drama",))))
    out: dict[str, Any] = {"titles": TITLES}
    for kind, queries in _queries(rng, words).items():
        taken = []
        for query in queries:
            began = time.thread_time()
            index.find(query, 100)
            corrected = index.corrected(query)
            if corrected:
                index.find(corrected, 100)
            taken.append(1e3 * (time.thread_time() - began))
        out[kind] = {f"p{share}_ms": round(float(np.percentile(taken, share)), 2) for share in (50, 99)}
    return out


def _queries(rng: Random, words: list[str]) -> dict[str, list[str]]:
    """Return queries: what people type, and what somebody types who wants to do harm."""

    def mistyped(word: str) -> str:
        return f"{word[:2]}x{word[3:]}"

    def of(part: "Iterator[str]") -> list[str]:
        return [" ".join(next(part) for _ in range(16))[:LONGEST] for _ in range(QUERIES)]

    def forever(make: Any) -> Iterator[str]:
        while True:
            yield make()

    return {
        "begun": [rng.choice(words)[: rng.randint(1, 5)] for _ in range(QUERIES)],
        "two_words": [" ".join(rng.choices(words, k=2)) for _ in range(QUERIES)],
        "one_mistyped": [mistyped(rng.choice(words)) for _ in range(QUERIES)],
        "in_all_titles": ["drama"] * QUERIES,
        "16_mistyped": of(forever(lambda: mistyped(rng.choice(words)))),
        "16_letters": of(forever(lambda: rng.choice(LETTERS))),
        "16_long": of(forever(lambda: "".join(rng.choices(SYLLABLES, k=6)))),
        "16_near": of(forever(lambda: "kalomitenrashu" + rng.choice(LETTERS))),
        "one_of_256_letters": ["".join(rng.choices(LETTERS, k=LONGEST)) for _ in range(QUERIES)],
    }
