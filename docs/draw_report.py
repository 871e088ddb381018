"""Draws report.png: the report that `mmdata demo` leaves, in headless Chromium.

python docs/draw_report.py
"""

import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

import mmdata

with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
    report = mmdata.demo(folder).report
    browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu"])
    page = browser.new_page(viewport={"width": 1280, "height": 1500})
    page.goto(f"{report.as_uri()}#check=foreign+words")
    page.wait_for_selector("img")
    page.screenshot(path=Path(__file__).parent / "report.png", full_page=False)
    browser.close()
