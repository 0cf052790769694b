"""The pictures of the tutorial and the front page: `make pictures` takes them of a running demonstration.

A browser goes the way of the tutorial (docs/tutorial/console.md), from signing in to an order that is
followed.
"""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.flows.server import ROOT, Process, free_port, until

PICTURES = ROOT / "docs" / "tutorial" / "pictures"
SIZE = {"width": 1200, "height": 750}
MOST_BYTES = 150_000
DATABASE = "sqlite:///var/demo/demo.db"
NAME, PASSWORD = "olivia", "a long enough secret"
DAY = ("--homes", "12", "--date", "2026-06-21", "--begin", "11", "--rate", "60")
RUN_S = 900  # as long as steps may take on a busy machine
ANSWERED = re.compile("^(received|started|completed)$")
STEPS = 4  # quarters of an hour that the chart of the first picture has at least


def main() -> None:
    """Take all pictures; RuntimeError names one that became too large."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        environment = {"PYTHONPATH": str(ROOT), "COUNTERPOISE_PORT": str(free_port())}
        demo = stack.enter_context(_running(folder, environment, "demo", *DAY))
        until(lambda: demo.text.count("imbalance ") >= STEPS, RUN_S, 1, lambda: demo.text)
        environment |= {"COUNTERPOISE_DATABASE": DATABASE, "COUNTERPOISE_CONSOLE_TLS": "no",
                        "COUNTERPOISE_CONSOLE_PORT": str(free_port())}
        _user(folder, environment)
        console = stack.enter_context(_running(folder, environment, "console"))
        until(lambda: "served on" in console.text, why=lambda: console.text)
        page = stack.enter_context(_browser())
        _walk(page, f"http://127.0.0.1:{environment['COUNTERPOISE_CONSOLE_PORT']}")
    large = [path.name for path in PICTURES.glob("*.png") if path.stat().st_size > MOST_BYTES]
    if large:
        raise RuntimeError(f"larger than {MOST_BYTES} bytes: {', '.join(large)}")


@contextmanager
def _running(folder: Path, environment: dict[str, str], *words: str) -> Iterator[Process]:
    process = Process([sys.executable, "-u", "-m", "server", *words], folder / f"{words[0]}.log", environment,
                      folder)
    try:
        yield process
    finally:
        process.stop(60)


def _user(folder: Path, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-m", "server", "user", "create", NAME, "--role", "operator",
                    "--password-stdin"], input=PASSWORD, text=True, check=True, cwd=folder,
                   env=os.environ | environment)


@contextmanager
def _browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce",
                               bypass_csp=True)  # the script waits by an expression
        browser.close()


def _walk(page: Any, address: str) -> None:
    """What the tutorial does, by the words that it names."""
    page.goto(f"{address}/")
    page.get_by_label("Name").fill(NAME)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    _take(page, "now")
    page.get_by_role("link", name="Virtual DERs").click()
    _take(page, "virtual-ders")
    page.get_by_role("link", name="Dispatch").click()
    for field, value in (("vder", "batteries"), ("delta_w", "3 kW"), ("duration_s", "30min"),
                         ("reason", "the tutorial")):
        _fill(page, field, value)
    page.get_by_role("button", name="See what it would do").click()
    _take(page, "dispatch-tried")
    page.get_by_role("button", name="Order it").click()
    until(lambda: page.reload() and page.get_by_text(ANSWERED).count(), RUN_S, 2)
    _take(page, "dispatch-followed")


def _fill(page: Any, name: str, value: str) -> None:
    field = page.locator(f"form.operation [name={name}]").first
    if field.evaluate("field => field.tagName") == "SELECT":
        field.select_option(value)
    else:
        field.fill(value)


def _take(page: Any, name: str) -> None:
    """Take a picture of what is seen, once charts are drawn."""
    page.wait_for_function(
        "[...document.querySelectorAll('[data-chart]')].every(plot => plot.querySelector('svg, canvas'))")
    page.wait_for_timeout(500)
    page.screenshot(path=PICTURES / f"{name}.png")


if __name__ == "__main__":
    main()
