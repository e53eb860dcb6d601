"""The page in Chromium, as a newcomer uses it."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

__all__ = ["chromium", "first_titles", "picture", "watch_first"]

SIZE = "1280,1000"
QUALITY = 55
"""Of JPEG: a picture of the page is about 100 kB."""
WAIT_S = 30.0
TITLES = "return [...document.querySelectorAll('#rows .row:first-child .name')].map(one => one.textContent)"


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


def first_titles(browser: webdriver.Chrome) -> list[str]:
    """Return the names in the first row."""
    return [str(name) for name in browser.execute_script(TITLES)]


def watch_first(browser: webdriver.Chrome) -> str:
    """Watch the title on top to its end; return its name when the page has followed."""
    hero = (By.CSS_SELECTOR, ".hero h1")
    name, before = browser.find_element(*hero).text, first_titles(browser)
    browser.find_element(By.CSS_SELECTOR, ".hero button[value=finish]").click()
    WebDriverWait(browser, WAIT_S).until(lambda b: name not in first_titles(b) and first_titles(b) != before)
    return name
