"""Whether there is a Chromium, and how tests wait for it."""

import shutil
from collections.abc import Callable
from typing import Any

import pytest
from selenium import webdriver
from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.support.ui import WebDriverWait

from tests.waiting import PATIENCE_S

BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
NEEDS_BROWSER = pytest.mark.skipif(not (BROWSER and DRIVER), reason="no chromium and chromedriver on PATH")


def until(browser: webdriver.Chrome, holds: Callable[[webdriver.Chrome], Any]) -> Any:
    """Wait until something holds in the browser, whatever page is loaded meanwhile; return it."""
    passing = [NoSuchElementException, StaleElementReferenceException]
    return WebDriverWait(browser, PATIENCE_S, 0.05, passing).until(holds)
