"""A Chromium without a window, one for a run."""

from collections.abc import Iterator

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from tests.streams.serve.web.browsers import BROWSER, DRIVER


@pytest.fixture(scope="session")
def chromium() -> Iterator[webdriver.Chrome]:
    """Give a browser without a window."""
    options = Options()
    options.binary_location = BROWSER or ""
    for argument in (
        "--headless=new",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--window-size=1280,900",
        "--force-prefers-reduced-motion",  # 60 pictures a second take half a core
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, Service(DRIVER))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """Give the browser; it must not have complained. Ask for it after the server, so that it leaves first."""
    yield chromium
    chromium.get("about:blank")
    assert chromium.get_log("browser") == []
