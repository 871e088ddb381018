"""The page of the service, in a real browser."""

import time

import pytest
from browsing import CHROMIUM, HOSTILE
from serving import Advising, app_of, indexed_fashion, running

from mmdata import Corpus
from mmdata.searching.local import LocalIndex

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
HOODIE, BOOTS = "tiny/의류/1002.png", "tiny/의류/1033.png"
WAIT = 10_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return indexed_fashion(tmp_path_factory.mktemp("가게"))


@pytest.fixture(scope="module")
def service(folder):
    advisor = Advising()
    with running(app_of(folder, advisor=advisor)) as url:
        yield url, advisor


@pytest.fixture
def visit(chromium):
    """Gives a function that opens a page; nothing may go wrong on one, nor anything be loaded from elsewhere."""
    wrong, asked, opened, refusing = [], [], [], []

    def made(url, *, width=1280, language="en-US", refused=()):
        context = chromium.new_context(viewport={"width": width, "height": 900}, locale=language)
        context.set_default_timeout(WAIT)
        opened.append((context, url))
        refusing.extend(refused)
        tab = context.new_page()
        tab.on("console", lambda said: wrong.append(said.text))
        tab.on("pageerror", lambda error: wrong.append(str(error)))
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(url)
        return tab

    yield made
    for context, _ in opened:
        context.close()
    assert [text for text in wrong if not any(f"status of {status}" in text for status in refusing)] == []
    assert [url for url in asked if not url.startswith(("data:", "blob:", *(url for _, url in opened)))] == []


def no_sideways_scroll(tab):
    return tab.evaluate("document.documentElement.scrollWidth <= innerWidth")


def until(tab, expression, value=None):
    """Playwright's own waiting for an expression is refused by the page's policy."""
    deadline = time.monotonic() + WAIT / 1000
    while not tab.evaluate(expression, value):
        assert time.monotonic() < deadline, expression
        time.sleep(0.05)


def names(tab, where="#hits"):
    return tab.locator(f"{where} li b").all_inner_texts()


@pytest.mark.parametrize(("width", "language"), [(1280, "en-US"), (390, "ko-KR")])
def test_from_a_picture_to_its_neighbours_to_outfits(service, folder, visit, tmp_path, width, language):
    url, advisor = service
    tab = visit(url, width=width, language=language)
    tab.wait_for_selector("#title:not(:empty)")
    assert tab.inner_text("#find") == {"en-US": "Find", "ko-KR": "찾기"}[language]
    assert no_sideways_scroll(tab)
    tab.set_input_files("#image", str(folder / HOODIE))
    tab.wait_for_selector("#hits li img")
    assert len(names(tab)) == 12
    assert names(tab)[0] == "헤비 기모 후디"
    until(tab, "[...document.querySelectorAll('#hits img')].slice(0, 2).every((one) => one.naturalWidth > 0)")
    if width == 390:
        tab.click("#wishes > summary")
        assert tab.locator("label[for=wish-max_total]").inner_text() == "총액"
    tab.select_option("#wish-season", label="가을")
    tab.fill("#wish-max_total", "90000")
    tab.check("text=블루")
    tab.click("#recommend")
    tab.wait_for_selector("#groups li img")
    assert "데님 팬츠를 추천해요" in tab.inner_text("#answer")
    assert tab.locator(".group h3").all_inner_texts() == ["코디 1", "코디 2"]
    assert advisor.asked[-1][1].model_dump(exclude_none=True) == {
        "season": "가을", "colors": ["블루"], "in_stock": True, "max_total": 90_000,
    }  # fmt: skip
    assert no_sideways_scroll(tab)
    tab.screenshot(path=tmp_path / f"{width}.png", full_page=True)


def test_each_that_is_found_can_be_searched_from_by_keyboard_alone(service, visit):
    tab = visit(service[0])
    tab.wait_for_selector("#spoken:not([hidden])")
    tab.focus("#text")
    tab.keyboard.type("청바지")
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#hits li img")
    third = names(tab)[2]
    tab.locator("#hits .hit").nth(2).focus()
    assert third in tab.locator("#hits .hit").nth(2).get_attribute("aria-label")
    tab.keyboard.press("Enter")
    until(tab, "(name) => document.querySelector('#hits b')?.textContent === name", third)
    assert tab.input_value("#text") == ""
    assert tab.is_visible("#shown")
    tab.focus("#where")
    tab.keyboard.type("category = '신발'")
    tab.keyboard.press("Enter")
    until(tab, "document.querySelectorAll('#hits li').length < 12")
    assert names(tab)
    assert not tab.is_disabled("#find")


def test_what_is_wrong_is_said_in_words(service, folder, visit, tmp_path):
    tab = visit(service[0], language="ko-KR", refused=(415, 422))
    tab.wait_for_selector("#recommend:not([hidden])")
    tab.click("#find")
    assert tab.inner_text("#said.error") == "먼저 사진을 고르세요."
    (tmp_path / "no.txt").write_text("사진이 아님")
    tab.set_input_files("#image", str(tmp_path / "no.txt"))
    assert tab.inner_text("#said.error") == "사진이 아닙니다."
    (tmp_path / "no.png").write_bytes(b"not a PNG")
    tab.set_input_files("#image", str(tmp_path / "no.png"))
    tab.wait_for_selector("text=no JPEG, PNG or WebP")
    tab.set_input_files("#image", str(folder / BOOTS))
    tab.wait_for_selector("#hits li")
    tab.fill("#where", "prize < 3")
    tab.press("#where", "Enter")
    tab.wait_for_selector("text=there is no column 'prize'")
    tab.fill("#where", "price < 0")
    tab.press("#where", "Enter")
    tab.wait_for_selector("text=조건에 맞는 것이 없습니다.")
    assert tab.locator("#hits li").count() == 0 or not tab.is_visible("#near")
    tab.click("#language")
    assert tab.inner_text("#said") == "Nothing passes that filter."


def test_a_key_is_asked_for_and_kept_for_the_session(folder, visit):
    with running(app_of(folder, key="secret-7")) as url:
        tab = visit(url, refused=(401,))
        tab.wait_for_selector("#key:visible")
        assert tab.inner_text("#said.error") == "This service wants a key."
        for key in ("wrong", "secret-7"):
            tab.fill("#key", key)
            tab.press("#key", "Enter")
            if key == "wrong":
                tab.wait_for_selector("text=the key is missing, or is not")
        tab.wait_for_selector("#title:not(:empty)")
        tab.reload()
        tab.wait_for_selector("#title:not(:empty)")
        assert not tab.is_visible("#key")
        tab.set_input_files("#image", str(folder / HOODIE))
        tab.wait_for_selector("#hits li img")
        until(tab, "document.querySelector('#hits img').naturalWidth > 0")
        tab.locator("#hits .hit").nth(1).click()
        until(tab, "document.querySelector('#shown').naturalWidth > 0")
        assert not tab.is_visible("#recommend")


class Hostile(LocalIndex):
    """Whose entries hold markup."""

    def nearest(self, vector, k, where=None):
        return [
            hit.model_copy(update={"id": HOSTILE, "row": {**hit.row, "goods_name": HOSTILE, "brand": HOSTILE[:50]}})
            for hit in super().nearest(vector, k, where)
        ]


def test_a_strangers_text_stays_text(folder, visit):
    with running(app_of(folder, index=Hostile(Corpus(folder)))) as url:
        tab = visit(url)
        tab.wait_for_selector("#title:not(:empty)")
        tab.set_input_files("#image", str(folder / HOODIE))
        tab.wait_for_selector("#hits li")
        tab.locator("#hits summary").first.click()
        assert "onerror" in tab.inner_text("#hits li >> nth=0")
        assert tab.evaluate("window.hurt") is None
        assert no_sideways_scroll(tab)
