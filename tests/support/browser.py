"""A headless Chromium, and a seeded estate served by a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

ROOT = Path(__file__).parents[2]
WAIT_S = 20.0
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
    "--force-device-scale-factor=1",
)  # fmt: skip


@dataclass(frozen=True)
class Served:
    """A served estate."""

    origin: str
    password: str
    """The first administrator's."""


def missing() -> str:
    """Why no browser can be driven here; empty when one can."""
    lacking = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(lacking)} not found: apt install chromium chromium-driver" if lacking else ""


@contextmanager
def served(directory: Path, endpoints: int, *, hostile: bool = False) -> Iterator[Served]:
    """Serve a seeded estate until the block ends."""
    command = [sys.executable, "-m", "tests.support.serve_estate", str(directory), str(endpoints)]
    if hostile:
        command.append("--hostile")
    environment = os.environ | {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"}
    environment.pop("PYTEST_CURRENT_TEST", None)
    environment["MPLCONFIGDIR"] = str(directory)
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=directory, env=environment, text=True
    )
    try:
        line = process.stdout.readline() if process.stdout else ""
        if not line:
            raise RuntimeError("the estate did not start; its error is above")
        told = json.loads(line)
        yield Served(f"http://127.0.0.1:{told['port']}", told["password"])
    finally:
        if process.stdin:
            process.stdin.close()
        process.wait(30)
        if process.stdout:
            process.stdout.close()


@contextmanager
def chromium(profile: Path, *, dark: bool = False, zone: str = "Europe/Berlin") -> Iterator[Chrome]:
    """A headless Chromium with a fresh profile.

    Args:
        profile: its directory.
        dark: what the system prefers.
        zone: the viewer's time zone.
    """
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}", "--window-size=1440,900"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(shutil.which("chromedriver") or "chromedriver"))
    try:
        driver.execute_cdp_cmd("Emulation.setTimezoneOverride", {"timezoneId": zone})
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 1440, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        prefer(driver, dark=dark)
        yield driver
    finally:
        driver.quit()


def prefer(driver: Chrome, *, dark: bool) -> None:
    """Set what the system prefers."""
    features = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def wait(driver: Chrome, script: str) -> object:
    """Wait until a script returns something true; what it returned."""
    return WebDriverWait(driver, WAIT_S, 0.05).until(lambda found: found.execute_script(f"return {script}"))


def log_in(driver: Chrome, estate: Served, name: str = "admin", password: str = "") -> None:
    """Log in through the form."""
    driver.get(f"{estate.origin}/login")
    driver.find_element(By.ID, "name").send_keys(name)
    driver.find_element(By.ID, "password").send_keys(password or estate.password)
    driver.find_element(By.CSS_SELECTOR, "button[type=submit]").click()
    wait(driver, "document.querySelector('main#main h1') !== null")


def visit(driver: Chrome, estate: Served, path: str) -> None:
    """Open a page and wait until it is there, charts drawn and socket connected."""
    driver.get(estate.origin + path)
    wait(driver, "document.querySelector('main#main h1') !== null")
    wait(
        driver,
        "[...document.querySelectorAll('.nicegui-echart')].every(e => e.querySelector('canvas, svg') !== null)"
        " && (window.socket === undefined || window.socket.connected)",
    )


def text(driver: Chrome) -> str:
    """All visible text of the page."""
    return str(driver.execute_script("return document.body.innerText"))


def complaints(driver: Chrome) -> list[str]:
    """Errors and warnings of the browser's console since the last call."""
    return [row["message"] for row in driver.get_log("browser") if row["level"] in ("SEVERE", "WARNING")]
