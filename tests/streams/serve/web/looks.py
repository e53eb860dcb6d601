"""Pictures of pages, and the contrast of their texts by pixels."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from selenium import webdriver

__all__ = ["contrasts", "emulated", "screenshot"]

TEXTS: Final = """
const out = [];
const within = (rect) => rect.width > 1 && rect.height > 1 && rect.left >= 0 && rect.top >= 0
    && rect.right <= innerWidth && rect.bottom <= innerHeight;
for (const one of document.querySelectorAll(arguments[0])) {
    const walker = document.createTreeWalker(one, NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
        if (!node.textContent.trim()) continue;
        const style = getComputedStyle(node.parentElement), range = document.createRange();
        const size = parseFloat(style.fontSize), bold = Number(style.fontWeight) >= 700;
        range.selectNodeContents(node);
        for (const rect of range.getClientRects()) {
            const seen = document.elementFromPoint(rect.left + rect.width / 2, rect.top + rect.height / 2);
            if (!within(rect) || !seen || !(one.contains(seen) || seen.contains(one))) continue;
            const color = node.parentElement instanceof SVGElement ? style.fill : style.color;
            out.push({text: node.textContent.trim().slice(0, 40), color, large: size >= 24 ||
                (bold && size >= 18.66), x: rect.left, y: rect.top, width: rect.width, height: rect.height});
        }
    }
}
for (const field of document.querySelectorAll(":is(input, textarea)[placeholder]")) {
    const rect = field.getBoundingClientRect(), box = getComputedStyle(field);
    const [left, right, top, bottom] = ["Left", "Right", "Top", "Bottom"].map(
        (side) => parseFloat(box[`padding${side}`]) + parseFloat(box[`border${side}Width`]));
    const x = rect.left + left, y = rect.top + top;
    if (field.value || !within(rect) || !field.closest(arguments[0])) continue;
    if (document.elementFromPoint(x + 1, y + 1) !== field) continue;
    out.push({text: field.placeholder, color: getComputedStyle(field, "::placeholder").color, large: false,
        x, y, width: rect.width - left - right, height: rect.height - top - bottom});
}
return out;
"""
"""Texts in view below elements that a selector finds: places, colours, whether they are large (WCAG)."""
HIDE: Final = """
const style = document.createElement("style");
style.id = "hidden-texts";
style.textContent = "svg text { fill: transparent !important; }"
    + " *, ::placeholder { color: transparent !important; -webkit-text-fill-color: transparent !important;"
    + " transition: none !important; animation: none !important; }";
document.adoptedStyleSheets = [...document.adoptedStyleSheets, (() => {
    const sheet = new CSSStyleSheet(); sheet.replaceSync(style.textContent); return sheet; })()];
"""
"""A sheet of the page's own script: the content security policy does not refuse it."""
MEASURE: Final = """
const [png, texts, done] = arguments;
const image = new Image();
image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = image.width; canvas.height = image.height;
    const context = canvas.getContext("2d", {willReadFrequently: true});
    context.drawImage(image, 0, 0);
    const light = (c) => c <= 10.3 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4;
    const of = (r, g, b) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
    done(texts.map((text) => {
        const ink = of(...text.color.match(/[\\d.]+/g).slice(0, 3).map(Number));
        const box = [text.x, text.y, text.width, text.height].map(Math.round);
        const data = context.getImageData(...box).data, found = [];
        for (let n = 0; n < data.length; n += 4) {
            const ground = of(data[n], data[n + 1], data[n + 2]);
            found.push((Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05));
        }
        found.sort((a, b) => a - b);
        return found[Math.floor(found.length / 100)];
    }));
};
image.src = "data:image/png;base64," + png;
"""
"""The contrast that 99 % of the pixels beneath a text exceed (WCAG 2.2): the hairline of an edge may not."""


@contextmanager
def emulated(browser: webdriver.Chrome, width: int, height: int, scheme: str) -> Iterator[None]:
    """Let the browser be of a size, prefer `light` or `dark`, and move; below 500 points it is a phone."""
    phone = width < 500
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone}
    features = [
        {"name": "prefers-color-scheme", "value": scheme},
        {"name": "prefers-reduced-motion", "value": "no-preference"},
    ]
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": phone})
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setTouchEmulationEnabled", {"enabled": False})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def screenshot(browser: webdriver.Chrome, *, whole: bool = False) -> bytes:
    """Return what the browser shows as PNG, or the whole page."""
    options: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole}
    if whole:
        size = browser.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
        options["clip"] = {
            "x": 0,
            "y": 0,
            "width": size["width"],
            "height": min(size["height"], 6_000),
            "scale": 1,
        }
    found: str = browser.execute_cdp_cmd("Page.captureScreenshot", options)["data"]
    return base64.b64decode(found)


def contrasts(browser: webdriver.Chrome, selector: str, *changes: str) -> list[tuple[str, bool, float]]:
    """Return text, whether it is large, and contrast of texts in view below elements; leaves the page.

    With changes, which are scripts, the least contrast of the page after each of them.
    """
    texts = browser.execute_script(TEXTS, selector)
    browser.execute_script(HIDE)
    pictures = []
    for change in changes or ("",):
        browser.execute_script(change)
        pictures.append(base64.b64encode(screenshot(browser)).decode())
    browser.get("about:blank")
    found = [browser.execute_async_script(MEASURE, picture, texts) for picture in pictures]
    least = [min(values) for values in zip(*found, strict=True)]
    return [(text["text"], text["large"], value) for text, value in zip(texts, least, strict=True)]
