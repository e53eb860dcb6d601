"""Whether there is a Chromium, and how tests wait for it."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

from tests.waiting import PATIENCE_S

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
NEEDS_BROWSER = pytest.mark.skipif(not (BROWSER and DRIVER), reason="no chromium and chromedriver on PATH")


def until(browser: webdriver.Chrome, holds: Callable[[webdriver.Chrome], Any]) -> Any:
    """Wait until something holds in the browser; return it."""
    return WebDriverWait(browser, PATIENCE_S, poll_frequency=0.05).until(holds)
