"""The peers' job in numpy, the same on Faust and on Quix Streams: an event in, a list of 20 titles out.

Sixteen factors, a softmax step with five negatives, a decayed trend, a history of 50 titles that are not
listed again, a list as JSON. Knows no stream, and nothing of nearline: it runs in the environment of a peer.
"""

import json
import os
import sys
import time
from typing import Any

import numpy as np
import orjson

FACTORS, HISTORY, NEGATIVES, LIST = 16, 50, 5, 20
RATE, DECAY, TREND_WEIGHT = 0.05, 0.9999, 0.1
TITLES = 10_000
REFRESH = 100
"""Events between two computations of the part of the scores that no viewer changes."""
ROW = np.dtype([("taste", np.float32, FACTORS), ("history", np.int32, HISTORY), ("known", np.int32)])
"""A viewer's state: what is stored for each."""


class Model:
    """Titles' vectors, biases and trends, in memory; a viewer's row is the caller's."""

    def __init__(self, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self._titles = rng.normal(0.0, 0.1, (FACTORS, TITLES)).astype(
            np.float32
        )  # quicker than its transpose
        self._bias, self._trend = np.zeros(TITLES, np.float32), np.zeros(TITLES, np.float32)
        self._dense = np.zeros(TITLES, np.float32)
        self._negatives = rng.integers(0, TITLES, (1 << 16, NEGATIVES + 1))
        self._names = [f"t{n}" for n in range(TITLES)]
        self._seen = 0

    def take(self, event: dict[str, Any], stored: bytes | None) -> tuple[bytes, bytes]:
        """Learn an event; return the viewer's new row and the list as JSON."""
        row = np.zeros((), ROW) if stored is None else np.frombuffer(stored, ROW)[0].copy()
        title = int(event["title_id"][1:])
        self._learn(row, title, event["watched_s"] / event["duration_s"])
        row["history"][row["known"] % HISTORY] = title
        row["known"] += 1
        items = self._best(row)
        page = {"viewer_id": event["viewer_id"], "seq": int(row["known"]), "items": items}
        return row.tobytes(), orjson.dumps(page)

    def _learn(self, row: Any, title: int, share: float) -> None:
        at = self._negatives[self._seen % len(self._negatives)]
        at[0] = title
        taste, vectors = row["taste"], self._titles[:, at]
        logits = taste @ vectors + self._bias[at]
        odds = np.exp(logits - logits.max())
        gradient = odds / odds.sum()
        gradient[0] -= 1.0
        gradient *= np.float32(RATE * share)
        self._titles[:, at] = vectors - taste[:, None] * gradient
        self._bias[at] -= gradient
        taste -= vectors @ gradient
        self._trend[title] += 1.0
        self._seen += 1
        if self._seen % REFRESH == 0:
            self._trend *= DECAY**REFRESH
            np.log1p(self._trend, out=self._dense)
            self._dense *= TREND_WEIGHT
            self._dense += self._bias

    def _best(self, row: Any) -> list[dict[str, Any]]:
        scores = row["taste"] @ self._titles
        scores += self._dense
        scores[row["history"][: min(int(row["known"]), HISTORY)]] = -np.inf
        best = np.argpartition(scores, -LIST)[-LIST:]
        best = best[np.argsort(-scores[best])]
        names = self._names
        return [
            {"title_id": names[n], "score": score}
            for n, score in zip(best.tolist(), scores[best].tolist(), strict=True)
        ]


class Count:
    """Counts events; at the last one prints lists a second and CPU a list of this process, and ends it."""

    def __init__(self, total: int, warm_up: float = 0.2) -> None:
        self._total, self._first_at = total, int(warm_up * total)
        self._seen = 0
        self._at = self._cpu = 0.0

    def add(self) -> None:
        """Note that one more is done."""
        self._seen += 1
        if self._seen == self._first_at:
            self._at, self._cpu = time.perf_counter(), time.process_time()
        elif self._seen == self._total:
            lists = self._total - self._first_at
            figures = {
                "lists_per_s": round(lists / (time.perf_counter() - self._at)),
                "cpu_us_per_list": round((time.process_time() - self._cpu) / lists * 1e6, 1),
            }
            os.write(1, f"{json.dumps(figures)}\n".encode())  # frameworks take sys.stdout away
            os._exit(0)


def arguments() -> dict[str, Any]:
    """Return what the benchmark asks for, one document as the only argument; pin this process to its core."""
    given: dict[str, Any] = json.loads(sys.argv[1])
    os.sched_setaffinity(0, [given["core"]])
    return given
