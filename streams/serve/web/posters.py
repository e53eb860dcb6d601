"""Posters for titles without artwork, and avatars of viewers: SVG that is drawn from ids and tags.

The genre decides the scene (a skyline, ridges, waves, …), the mood its lightness, and the id the composition.
An artwork variant of a title has another composition of the same scene. The same title always gives the same
poster.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from schemas import Tags
from streams.serve.web.poster_scenes import HEIGHT, SCENES, WIDTH, Dice, Paper, circle

__all__ = ["draw", "face"]


class _Style(NamedTuple):
    """Scene and colours of a genre."""

    scene: str
    hue: int
    """Hue of the sky, in degrees."""
    light: int
    """Degrees from the hue of the sky to the hue of the light."""


_STYLES: Final = {
    "Action": _Style("rays", 12, 35),
    "Adventure": _Style("ridges", 190, -150),
    "Animation": _Style("bubbles", 285, 60),
    "Comedy": _Style("bubbles", 38, -25),
    "Crime": _Style("skyline", 222, -185),
    "Documentary": _Style("contours", 158, -60),
    "Drama": _Style("waves", 248, -235),
    "Family": _Style("hills", 95, -45),
    "Fantasy": _Style("ridges", 268, 60),
    "Horror": _Style("forest", 350, 20),
    "Mystery": _Style("skyline", 262, 95),
    "Romance": _Style("waves", 338, 45),
    "Science Fiction": _Style("orbits", 232, 95),
    "Thriller": _Style("skyline", 182, -160),
}
"""Styles of common genres; for any other the title's id decides."""
_LIGHT: Final = {
    "dark": -9, "bleak": -7, "eerie": -6, "tense": -4, "wild": 3, "witty": 4, "warm": 5, "feel-good": 7,
}  # fmt: skip
"""Percentage points of lightness that a mood adds."""


def draw(title_id: str, tags: Tags, variant: str = "") -> str:
    """Return a poster as SVG, 16 to 9, without text.

    Parameters
    ----------
    title_id
        Decides the composition.
    tags
        The genre decides the scene, the mood its lightness.
    variant
        Id of an artwork variant: another composition.

    Examples
    --------
    >>> poster = draw("t1", Tags(genre=("Drama",)))
    >>> poster.startswith("<svg"), poster == draw("t1", Tags(genre=("Drama",)))
    (True, True)
    """
    dice = Dice(f"{title_id}\0{variant}")
    style = next((_STYLES[genre] for genre in tags.genre if genre in _STYLES), None)
    if style is None:
        style = _Style([*SCENES][int(dice.roll(0, len(SCENES) - 0.01))], int(dice.roll(0, 360)), 60)
    hue, brighter = style.hue + dice.roll(-16, 16), sum(_LIGHT.get(mood, 0) for mood in tags.mood)

    def colour(turn: float) -> Callable[[float, float], str]:
        shade = f"hsl({(hue + turn) % 360:.0f} %.0f%% %.0f%%)"
        return lambda saturation, light: shade % (saturation, max(4, min(94, light + brighter)))

    paper = Paper(dice, colour(0), colour(style.light))
    return "".join((_frame(paper, dice.roll(-0.3, 0.3)), *SCENES[style.scene](paper), "</svg>"))


def _frame(paper: Paper, slant: float) -> str:
    """Return the beginning of a poster: the sky, and the gradient of glowing lights."""
    stops = ((0, paper.sky(58, 17), 1), (0.62, paper.sky(52, 33), 1), (1, paper.light(62, 44), 1))
    glow = ((0, paper.light(95, 78), 0.75), (1, paper.light(95, 60), 0))
    sky_stops, glow_stops = (
        "".join(f'<stop offset="{at}" stop-color="{fill}" stop-opacity="{o}"/>' for at, fill, o in which)
        for which in (stops, glow)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'preserveAspectRatio="xMidYMid slice"><defs>'
        f'<linearGradient id="s" x1="0" y1="0" x2="{slant:.2f}" y2="1">{sky_stops}</linearGradient>'
        f'<radialGradient id="g">{glow_stops}</radialGradient></defs>'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="url(#s)"/>'
    )


def face(viewer_id: str) -> str:
    """Return a viewer's avatar as SVG: a face that the id alone decides.

    Examples
    --------
    >>> face("ada") == face("ada") != face("bob")
    True
    """
    roll = Dice(viewer_id).roll
    hue, turn, eyes, smile, shift = roll(0, 360), roll(-14, 14), roll(15, 21), roll(2, 10), roll(-4, 4)
    body = circle(roll(20, 80), roll(70, 110), roll(46, 70), f"hsl({(hue + roll(30, 80)) % 360:.0f} 70% 62%)")
    mouth = f"M{50 - eyes:.0f} 62q{eyes:.0f} {smile * 2:.0f} {eyes * 2:.0f} 0"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100">'
        f'<rect width="100" height="100" fill="hsl({hue:.0f} 62% 46%)"/>{body}'
        f'<g transform="rotate({turn:.0f} 50 50) translate({shift:.0f} 0)">'
        f"{circle(50 - eyes, 44, 6, '#fff')}{circle(50 + eyes, 44, 6, '#fff')}"
        f'<path d="{mouth}" fill="none" stroke="#fff" stroke-width="6" stroke-linecap="round"/></g></svg>'
    )
