"""A real browser for tests, where one is installed."""

import os
import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]


def chromium() -> str:
    """Path of the browser, or an empty string."""
    return os.environ.get("CHROMIUM") or next((p for p in map(shutil.which, NAMES) if p), "")
