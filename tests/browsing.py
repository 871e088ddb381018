"""Pages opened from disk in a real browser; at the end nothing must have gone wrong in one, nor left it."""

import shutil
from contextlib import contextmanager

from playwright.sync_api import sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
HOSTILE = "</script><script>window.hurt=1</script><img src=x onerror='window.hurt=1'><!--<script>\u2028\u2029"


@contextmanager
def a_browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@contextmanager
def showing(chromium, folder):
    """Gives a function that opens a page, given as its text or its path."""
    wrong, asked, contexts = [], [], []

    def opened(text_or_path, *, width=1280, language="en-US", at=""):
        path = text_or_path
        if isinstance(text_or_path, str):
            path = folder / "보고서.html"
            path.write_text(text_or_path, encoding="utf-8")
        context = chromium.new_context(viewport={"width": width, "height": 900}, locale=language)
        context.set_default_timeout(10_000)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda said: wrong.append(said.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(path.as_uri() + at)
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []
    assert [url for url in asked if not url.startswith(("data:", "file:///")) or url.endswith("/x")] == []
    assert len([url for url in asked if url.startswith("file:")]) == len(contexts)
