"""The scenes of :mod:`streams.serve.web.posters`: each yields the elements of an SVG from back to front."""

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

__all__ = ["HEIGHT", "SCENES", "WIDTH", "Dice", "Paper", "circle"]

WIDTH, HEIGHT = 320, 180
"""Size of the drawing in SVG units: 16 to 9, as video."""


class Dice:
    """Pseudo-random numbers out of a hash of a text (SHAKE128): the same on every machine."""

    def __init__(self, text: str) -> None:
        self._bytes = hashlib.shake_128(text.encode()).digest(1_024)
        self._at = 0

    def roll(self, low: float, high: float) -> float:
        """Return the next number from `low` to `high`."""
        pair = self._bytes[self._at : self._at + 2]
        self._at = (self._at + 2) % (len(self._bytes) - 2)
        return low + (high - low) * int.from_bytes(pair) / 65_535


class Paper(NamedTuple):
    """Random numbers and colours of a scene."""

    dice: Dice
    sky: Callable[[float, float], str]
    """Colour of the sky's hue, at a saturation and lightness in percent."""
    light: Callable[[float, float], str]
    """Colour of the light's hue."""


def circle(x: float, y: float, r: float, fill: str, opacity: float = 1.0) -> str:
    """Draw a disc."""
    return f'<circle cx="{x:.0f}" cy="{y:.0f}" r="{r:.1f}" fill="{fill}" opacity="{opacity:.2f}"/>'


def _box(place: tuple[float, float, float, float], fill: str, opacity: float = 1.0) -> str:
    x, y, wide, tall = place
    where = f'x="{x:.0f}" y="{y:.0f}" width="{wide:.0f}" height="{tall:.0f}"'
    return f'<rect {where} rx="1" fill="{fill}" opacity="{opacity:.2f}"/>'


def _path(d: str, fill: str, opacity: float = 1.0) -> str:
    return f'<path d="{d}" fill="{fill}" opacity="{opacity:.2f}"/>'


def _area(points: Sequence[tuple[float, float]], fill: str, opacity: float = 1.0) -> str:
    """Draw the area below a polyline."""
    line = "L".join(f"{x:.0f} {y:.1f}" for x, y in points)
    return _path(f"M{line}V{HEIGHT}H0Z", fill, opacity)


def _swell(points: Sequence[tuple[float, float]], fill: str, opacity: float = 1.0) -> str:
    """Draw the area below a smooth line."""
    (x0, y0), *rest = points
    ends = [*rest[1:], rest[-1]]
    line = "".join(
        f"Q{x:.0f} {y:.1f} {(x + ex) / 2:.0f} {(y + ey) / 2:.1f}"
        for (x, y), (ex, ey) in zip(rest, ends, strict=True)
    )
    return _path(f"M{x0:.0f} {y0:.1f}{line}V{HEIGHT}H0Z", fill, opacity)


def _sun(p: Paper, low: float, high: float) -> tuple[str, float]:
    """Draw a light with its glow; return it and its x."""
    x, y, r = p.dice.roll(60, 260), p.dice.roll(low, high), p.dice.roll(13, 27)
    return circle(x, y, r * 4, "url(#g)") + circle(x, y, r, p.light(92, 82)), x


def _stars(p: Paper, count: int, low: float) -> Iterator[str]:
    roll = p.dice.roll
    for _ in range(count):
        yield circle(roll(0, WIDTH), roll(0, low), roll(0.3, 1.1), "#fff", roll(0.3, 0.9))


def _ridges(p: Paper) -> Iterator[str]:
    yield from _stars(p, 14, 60)
    yield _sun(p, 34, 78)[0]
    for layer in range(4):
        base, step = 92 + layer * 24, 22 - layer * 2
        line = [(x, base + p.dice.roll(-26 + layer * 4, 14)) for x in range(0, WIDTH + step, step)]
        yield _area(line, p.sky(44 - layer * 5, 30 - layer * 7), 0.94)


def _hills(p: Paper) -> Iterator[str]:
    yield _sun(p, 30, 70)[0]
    for layer in range(4):
        line = [(x, 96 + layer * 23 + p.dice.roll(-20, 12)) for x in range(-40, WIDTH + 81, 80)]
        yield _swell(line, p.sky(52, 46 - layer * 9))
    for _ in range(6):
        x, y = p.dice.roll(10, 310), p.dice.roll(128, 160)
        yield _path(f"M{x:.0f} {y:.0f}l6 14h-12z", p.sky(60, 12))


def _waves(p: Paper) -> Iterator[str]:
    sun, x = _sun(p, 60, 96)
    yield sun
    yield _box((0, 104, WIDTH, 80), p.sky(58, 24), 0.55)
    for n in range(7):
        wide = p.dice.roll(14, 60) * (1 - n / 11)
        yield _box((x - wide / 2, 108 + n * 9, wide, 2), p.light(92, 80), 0.8 - n * 0.09)
    for layer in range(4):
        base, phase, long = 116 + layer * 17, p.dice.roll(0, 6.3), p.dice.roll(30, 60)
        high = p.dice.roll(3, 7)
        line = [(at, base + high * math.sin(at / long + phase)) for at in range(0, WIDTH + 16, 16)]
        yield _swell(line, p.sky(60, 25 - layer * 5), 0.8)


def _skyline(p: Paper) -> Iterator[str]:
    yield from _stars(p, 10, 70)
    yield _sun(p, 30, 70)[0]
    for layer in range(3):
        x, fill = 0.0, p.sky(42 - layer * 8, 24 - layer * 8)
        while x < WIDTH:
            wide, tall = p.dice.roll(13, 34), p.dice.roll(30, 106 - layer * 22)
            yield _box((x, HEIGHT - tall, wide + 1, tall), fill)
            lit = layer and p.dice.roll(0, 1) > 0.45  # noqa: PLR2004 - about half of the houses
            for n in range(int(tall // 16) if lit else 0):
                at = x + 3 + p.dice.roll(0, max(1, wide - 9))
                yield _box((at, HEIGHT - tall + 6 + n * 14, 3, 4), p.light(95, 72), 0.85)
            x += wide + p.dice.roll(-2, 5)


def _forest(p: Paper) -> Iterator[str]:
    yield _sun(p, 36, 66)[0]
    for layer in range(3):
        fill, x, foot = p.sky(38 - layer * 8, 22 - layer * 8), p.dice.roll(-12, 0), HEIGHT + 6 + layer * 4
        while x < WIDTH + 12:
            tall, wide = p.dice.roll(52, 104 - layer * 12), p.dice.roll(9, 16)
            yield _path(f"M{x:.0f} {foot - tall:.0f}l{wide:.0f} {tall:.0f}h{-2 * wide:.0f}z", fill)
            x += p.dice.roll(9, 21)
        yield _box((0, 126 + layer * 16, WIDTH, 14), p.light(30, 70), 0.07)


def _orbits(p: Paper) -> Iterator[str]:
    yield from _stars(p, 46, HEIGHT)
    x, y, r = p.dice.roll(90, 250), p.dice.roll(62, 112), p.dice.roll(30, 50)
    turn, rx, ry = p.dice.roll(-32, 32), r * 1.9, r * 0.46
    yield circle(x, y, r * 2.4, "url(#g)", 0.7)
    place = f"translate({x:.0f} {y:.0f}) rotate({turn:.0f})"
    behind, before = (
        f'<path transform="{place}" d="M{-rx:.0f} 0A{rx:.0f} {ry:.0f} 0 0 {side} {rx:.0f} 0" fill="none" '
        f'stroke="{p.light(82, 76)}" stroke-width="3"/>'
        for side in (1, 0)
    )
    yield behind + circle(x, y, r, p.light(62, 52))
    for n in range(4):
        dy = -r * 0.62 + n * r * 0.4
        band = (
            f'cy="{y + dy:.0f}" rx="{math.sqrt(max(0.0, r * r - dy * dy)):.0f}" ry="{p.dice.roll(2, 5):.0f}"'
        )
        yield f'<ellipse cx="{x:.0f}" {band} fill="{p.light(70, 66)}" opacity=".35"/>'
    yield before


def _rays(p: Paper) -> Iterator[str]:
    x, y = p.dice.roll(70, 250), p.dice.roll(88, 150)
    spokes, start = int(p.dice.roll(9, 15)), p.dice.roll(0, 1)
    for n in range(spokes):
        edges = ((n + start) / spokes * math.tau, (n + start + 0.5) / spokes * math.tau)
        (ax, ay), (bx, by) = ((x + 420 * math.cos(t), y + 420 * math.sin(t)) for t in edges)
        yield _path(f"M{x:.0f} {y:.0f}L{ax:.0f} {ay:.0f}L{bx:.0f} {by:.0f}Z", p.light(88, 56), 0.34)
    yield circle(x, y, 74, "url(#g)")
    for _ in range(5):
        sx, sy, long = p.dice.roll(0, 320), p.dice.roll(100, 176), p.dice.roll(40, 130)
        yield _path(f"M{sx:.0f} {sy:.0f}l{long:.0f} {-long * 0.5:.0f}l6 9z", p.sky(70, 9), 0.8)
    yield _area([(px, 150 + p.dice.roll(-9, 9)) for px in range(0, WIDTH + 20, 20)], p.sky(60, 8))


def _bubbles(p: Paper) -> Iterator[str]:
    roll = p.dice.roll
    for n in range(13):
        x, y, r = roll(0, WIDTH), roll(0, HEIGHT), roll(10, 62 - n * 2)
        fill = p.light(82, roll(48, 74)) if n % 2 else p.sky(74, roll(40, 66))
        yield circle(x, y, r, fill, roll(0.35, 0.85))
    for _ in range(9):
        x, y, turn = roll(0, WIDTH), roll(0, HEIGHT), roll(0, 90)
        yield f'<g transform="rotate({turn:.0f} {x:.0f} {y:.0f})">{_box((x, y, 9, 9), "#fff", 0.55)}</g>'


def _contours(p: Paper) -> Iterator[str]:
    x, y, phase = p.dice.roll(90, 240), p.dice.roll(60, 130), p.dice.roll(0, 6.3)
    bumps = [p.dice.roll(-0.11, 0.11) for _ in range(4)]
    angles = [step / 36 * math.tau for step in range(36)]
    far = [1 + sum(b * math.sin((k + 2) * a + phase * (k + 1)) for k, b in enumerate(bumps)) for a in angles]
    for n in range(15, 0, -1):
        points = " ".join(
            f"{x + n * 13 * r * math.cos(a):.0f},{y + n * 9 * r * math.sin(a):.0f}"
            for a, r in zip(angles, far, strict=True)
        )
        line = f'stroke="{p.light(70, 72)}" stroke-width=".8" stroke-opacity=".5"'
        yield f'<polygon points="{points}" fill="{p.sky(42, 16 + (15 - n) * 1.9)}" {line}/>'
    yield circle(x, y, 44, "url(#g)")


SCENES: Final[Mapping[str, Callable[[Paper], Iterator[str]]]] = {
    "rays": _rays,
    "ridges": _ridges,
    "bubbles": _bubbles,
    "skyline": _skyline,
    "contours": _contours,
    "waves": _waves,
    "hills": _hills,
    "forest": _forest,
    "orbits": _orbits,
}
"""Every scene by its name."""
