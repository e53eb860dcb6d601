"""The page in Chromium, as a newcomer uses it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

__all__ = ["chromium", "picture", "watch_first"]

SIZE = "1280,1000"
QUALITY = 55
"""Of JPEG: a picture of the page is about 100 kB."""
WAIT_S = 30.0


@contextmanager
def chromium() -> Iterator[webdriver.Chrome]:
    """Give a browser without a window, dark."""
    options = Options()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        f"--window-size={SIZE}",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
    try:
        dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
        yield driver
    finally:
        driver.quit()


def picture(browser: webdriver.Chrome) -> str:
    """Return what is in the window as JPEG, in base 64; pictures that are still loading are waited for."""
    loaded = "return [...document.images].filter(one => one.loading !== 'lazy').every(one => one.complete)"
    WebDriverWait(browser, WAIT_S).until(lambda b: b.execute_script(loaded))
    asked = {"format": "jpeg", "quality": QUALITY}
    return str(browser.execute_cdp_cmd("Page.captureScreenshot", asked)["data"])


def watch_first(browser: webdriver.Chrome) -> str:
    """Watch the title on top to its end; return its name when the page has followed."""
    name = _on_top(browser)
    browser.find_element(By.CSS_SELECTOR, ".hero button[value=finish]").click()
    WebDriverWait(browser, WAIT_S).until(lambda b: _on_top(b) != name)
    return name


def _on_top(browser: webdriver.Chrome) -> str:
    """Return the name of the title on top; read at once, because the page exchanges it meanwhile."""
    return str(browser.execute_script("return document.querySelector('.hero h1').textContent.trim()"))
