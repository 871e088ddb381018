"""The HTML report, opened in a real browser: filters, search, languages, hostile texts, 10,000 findings, a phone."""

import base64
import io
import json
import os
import re
import shutil
import stat
import unicodedata

import pytest
from browsing import HOSTILE
from kit import encoded, photo
from PIL import Image
from playwright.sync_api import expect

import mmdata
from mmdata.checking.html import fairly, page, write_html
from mmdata.checking.report import CheckRun, Fault, Report
from mmdata.corpus import Corpus
from mmdata.errors import ReleaseError
from mmdata.pages.thumbnails import PICTURED, THUMBNAIL_BYTES, Thumbnails, thumbnail
from mmdata.reading import Release

CLASSES = ["건선", "아토피", "여드름", "주사", "지루", "정상"]
CHECKS = [
    CheckRun(name="foreign words", level="error", doc="Words in a script that the prompt does not want.", judged=40, found=0),
    CheckRun(name="label tag", level="error", doc="The label tag names the row's class.", judged=40, found=0),
    CheckRun(
        name="near-identical texts", level="warning", doc="Answers that say the same in nearly the same words.",
        judged=40, found=0, could_not="12 answers of under 20 characters",
    ),
    CheckRun(name="dark pictures", level="warning", doc="Pictures with hardly any light in them.", judged=20, found=0),
    CheckRun(name="markup", level="error", doc="Markdown or HTML in an answer.", judged=40, found=0),
]  # fmt: skip
TEXTS = [
    "환자의 얼굴 우측 볼 부위에 경계가 비교적 명확한 «erythema»와 은백색 인설이 관찰되며, 가려움은 확인되지 않음.",
    "<label>«아토피»</label> 코 주변과 뺨에 붉은 구진이 흩어져 있고 일부는 융합되어 판을 이룸.",
    "양측 볼에 대칭적인 홍반이 있으며 표면에 얇은 각질이 보입니다. 진물이나 궤양은 없습니다.",
]


def made_up(rows: list[tuple[str, str, str]], findings: int, extra: tuple[Fault, ...] = ()) -> Report:
    """A report of so many findings over some (id, split, class) rows, and of some more."""
    faults = []
    for n in range(findings):
        row, split, cls = rows[n % len(rows)]
        check = CHECKS[n % 4]
        faults.append(
            Fault(
                check=check.name, level=check.level, row_id=row, split=split, cls=cls,
                prompt="" if check.name == "dark pictures" else ("describe", "describe_blind")[n % 2],
                message=f"finding {n}: 'erythema' is not in a wanted script. Add it to terms.yaml under replace: or keep:",
                excerpt="" if check.name == "dark pictures" else TEXTS[n % 3],
            )
        )  # fmt: skip
    faults += extra
    found = {check.name: sum(f.check == check.name for f in faults) for check in CHECKS}
    classes = {cls: {"train": 1500 + 37 * n, "test": 190 - 11 * n} for n, cls in enumerate(CLASSES)}
    return Report(
        corpus="skin", version="1.2.0", created="2026-03-04T05:06:07+00:00",
        classes={"label": classes, "view": {"정면": {"train": 5000, "test": 500}, "측면": {"train": 4000, "test": 463}}},
        answers={"describe": {"ok": 9800, "refused": 41, "missing": 212}, "describe_blind": {"ok": 10040, "truncated": 13}},
        checks=[check.model_copy(update={"found": found[check.name]}) for check in CHECKS], faults=faults,
    )  # fmt: skip


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return mmdata.new("skin", tmp_path_factory.mktemp("말뭉치"), like="skin")


@pytest.fixture(scope="module")
def release(corpus):
    return Release(corpus, mmdata.build(corpus, corpus / "tiny").manifest)


@pytest.fixture(scope="module")
def rows(release):
    return [(row.id, row.split, row.values["label"]) for row in release.rows(["label"])]


def listed(tab) -> list[str]:
    return tab.locator("#list b.check").all_inner_texts()


def test_filters(show, release, rows, tmp_path):
    write_html(made_up(rows, 80), release, tmp_path / "a.html")
    tab = show(tmp_path / "a.html")
    assert set(listed(tab)) == {check.name for check in CHECKS[:4]}
    assert tab.locator("#count").inner_text() == "1–50 of 80 findings"

    tab.get_by_label("foreign words").check()
    assert set(listed(tab)) == {"foreign words"}
    assert tab.locator("#count").inner_text() == "1–20 of 20 findings (80 without filters)"
    # The other facets count what is left; its own says what choosing more would add.
    assert tab.locator("#facets label", has_text="warning").inner_text().split() == ["warning", "0"]
    assert tab.locator("#facets label", has_text="label tag").inner_text().split() == ["label", "tag", "20"]

    tab.get_by_label("label tag").check()
    assert set(listed(tab)) == {"foreign words", "label tag"}
    tab.get_by_role("group", name="Split").get_by_label("test").check()
    some = sum(n % 4 < 2 and rows[n % len(rows)][1] == "test" for n in range(80))
    assert len(listed(tab)) == some > 0

    address = tab.evaluate("location.hash")
    again = show(tmp_path / "a.html", at=address)
    assert again.locator("#list").inner_text() == tab.locator("#list").inner_text()
    tab.get_by_role("checkbox", name="foreign words").uncheck()
    assert set(listed(tab)) == {"label tag"}
    for _ in range(2):
        tab.go_back()
    assert tab.locator("#count").inner_text() == "1–40 of 40 findings (80 without filters)"
    tab.get_by_role("button", name="Clear all").click()
    assert tab.locator("#count").inner_text() == "1–50 of 80 findings"


def test_the_charts_filter_too(show, rows):
    tab = show(page(made_up(rows, 40), Thumbnails({}, [])))
    tab.locator("#charts").get_by_role("button", name="dark pictures").click()
    assert set(listed(tab)) == {"dark pictures"}
    tab.locator("#charts").get_by_role("button", name="건선").click()
    assert tab.locator("#list .facts").count() == sum(rows[n % len(rows)][2] == "건선" for n in range(40)) > 0
    assert {"9,800", "212", "10,040"} <= set(tab.locator(".chart", has_text="Answers by status").inner_text().split())
    assert {"1,500", "190", "1,690"} <= set(tab.locator("tr", has_text="건선").inner_text().split())
    tab.locator("#verdict").get_by_role("button", name="20 warnings").click()
    assert set(listed(tab)) == {"dark pictures", "near-identical texts"}
    widths = (
        tab.locator(".chart", has_text="Faults by check")
        .locator(".bar i")
        .evaluate_all("all => all.map(i => i.offsetWidth)")
    )
    assert len(set(widths)) == 1 < widths[0]  # Ten of each.


def test_search(show, rows):
    report = made_up(
        rows, 60, (Fault(check="markup", level="error", message="m", excerpt="여기 «**굵게**» 씀", row_id="한 줄/ÅB"),)
    )
    tab = show(page(report, Thumbnails({}, [])))
    tab.keyboard.press("/")
    tab.keyboard.type("여기 **굵게**")
    expect(tab.locator("#list > li")).to_have_count(1)
    assert tab.locator("mark").all_inner_texts() == ["**굵게**"]
    assert "q=" in tab.evaluate("location.hash")
    tab.locator("#search").fill("nowhere")
    expect(tab.locator("#list")).to_have_text("No finding matches these filters.")
    tab.locator("#search").fill(unicodedata.normalize("NFD", "한 줄/åb"))  # As a Mac writes it, and another case.
    expect(tab.locator("#list b.check")).to_have_text(["markup"])
    tab.locator("#search").fill("")
    expect(tab.locator("#list > li")).to_have_count(50)
    tab.locator("#list .id").first.click()
    assert set(tab.locator("#list .id").all_inner_texts()) == {rows[0][0]}


def test_keyboard(show, rows):
    tab = show(page(made_up(rows, 60), Thumbnails({}, [])))
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the findings"
    tab.keyboard.press("Enter")
    for _ in range(2):
        tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.type") == "checkbox"
    tab.keyboard.press("Space")
    assert tab.locator("#count").inner_text() == "1–30 of 30 findings (60 without filters)"
    assert tab.evaluate("document.activeElement.checked")  # The focus stays where it was.


def test_two_languages(show, rows):
    text = page(made_up(rows, 60), Thumbnails({}, []))
    tab = show(text, language="ko-KR")
    assert tab.evaluate("document.documentElement.lang") == "ko"
    assert tab.locator("#count").inner_text() == "60건 중 1–50"
    assert "foreign words" in listed(tab)  # Names of checks stay as they are.
    tab.get_by_role("button", name="Show in English").click()
    assert tab.locator("#count").inner_text() == "1–50 of 60 findings"
    assert tab.locator("#findings-title").inner_text() == "Findings"
    korean = show(text, at="#lang=ko")
    assert korean.locator("#next").inner_text() == "다음"


def test_both_languages_say_everything(show):
    tab = show(page(made_up([("a", "", "")], 1), Thumbnails({}, [])))
    english, korean = tab.evaluate("[WORDS.en, WORDS.ko].map(words => Object.keys(words))")
    assert english == korean and len(english) > 40


def test_hostile_texts_stay_texts(show):
    fault = Fault(
        check="markup",
        level="error",
        message=HOSTILE,
        excerpt=f"앞 «{HOSTILE}» 뒤",
        row_id=HOSTILE,
        split=HOSTILE,
        cls=HOSTILE,
        prompt=HOSTILE,
    )
    report = Report(
        corpus=HOSTILE, version="1", created=HOSTILE, classes={HOSTILE: {HOSTILE: {HOSTILE: 1}}}, answers={HOSTILE: {HOSTILE: 1}},
        checks=[CheckRun(name="markup", level="error", doc=HOSTILE, judged=1, found=1, could_not=HOSTILE)], faults=[fault],
    )  # fmt: skip
    text = page(report, Thumbnails({}, [], 1), licence=HOSTILE)
    assert "<img" not in text and text.count("</script>") == 3
    assert "\u2028" not in text[text.index("<script ") :]  # As text of an element it is harmless.
    tab = show(text)
    assert tab.locator("mark").evaluate("mark => mark.textContent") == HOSTILE
    assert tab.locator("#list p").nth(1).evaluate("p => p.textContent") == HOSTILE
    tab.locator("#language").click()
    tab.locator("#list .id").click()
    assert tab.evaluate("[window.hurt, document.scripts.length, document.images.length]") == [None, 3, 0]


def test_pictures_are_small_shared_and_licensed(show, corpus, release, rows, tmp_path):
    path = tmp_path / "a.html"
    write_html(made_up(rows, 200), release, path, licence=Corpus(corpus).card["license"])
    held = json.loads(re.search(r'id="thumbnails">(.*?)</script>', path.read_text(encoding="utf-8"))[1])
    assert set(held["rows"]) == {row for row, _, _ in rows}
    assert (
        len(held["uris"]) == len(set(held["uris"])) == len({next(iter(r.pictures.values()))[0] for r in release.rows()})
    )
    assert path.stat().st_size < 200_000
    tab = show(path)
    assert tab.locator("img.picture").count() == 50
    expect(tab.locator("img.picture").first).to_have_js_property("complete", True)
    assert tab.locator("img.picture").first.evaluate("image => image.naturalWidth") > 8
    assert "licence: other" in tab.locator("footer").inner_text()
    assert f"Pictures of {len(rows)} of {len(rows)} rows" in tab.locator("footer").inner_text()


def test_a_damaged_release_still_has_a_report(corpus, release, rows, tmp_path):
    folder = shutil.copytree(corpus, tmp_path / "copy")
    shard = folder / "data" / release.manifest.version / release.manifest.files[-1].path
    shard.write_bytes(shard.read_bytes()[:-200])
    write_html(made_up(rows, 200), Release(folder, release.manifest), tmp_path / "a.html")
    assert "finding 199:" in (tmp_path / "a.html").read_text(encoding="utf-8")


def test_nothing_found(show, release, tmp_path):
    write_html(made_up([("", "", "")], 0), release, tmp_path / "a.html")
    tab = show(tmp_path / "a.html")
    assert tab.locator("#verdict").inner_text() == "No faults found"
    assert tab.locator("#list").inner_text() == "There are no findings."
    tab.locator("summary", has_text="Checks that ran").click()
    assert "Could not judge: 12 answers of under 20 characters" in tab.locator("#checks").inner_text()


ENDLESS = Fault(
    check="markup", level="error", message="endless" * 40, excerpt=f"«{'가' * 400}»", row_id="endless/" + "x" * 200,
    split="train", cls="끝없는클래스이름" * 20, prompt="describe_" * 30,
)  # fmt: skip


@pytest.fixture(scope="module")
def crowded():
    rows = [
        (
            f"{('train', 'test')[n % 5 == 0]}/{CLASSES[n % 6]}/정면/H2_{n:04}_P1_L0",
            ("train", "test")[n % 5 == 0],
            CLASSES[n % 6],
        )
        for n in range(4000)
    ]
    uris = [thumbnail([encoded(photo(n))]) for n in range(40)]
    return page(
        made_up(rows, 9_999, (ENDLESS,)), Thumbnails({row: n % 40 for n, (row, _, _) in enumerate(rows)}, uris, 4000)
    )


def test_ten_thousand_findings_answer_at_once(show, crowded):
    tab = show(crowded)
    seconds = """async (act) => {
        const drawn = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        const began = performance.now();
        document.querySelector("#facets input[value='label tag']").click();
        await drawn();
        return (performance.now() - began) / 1000;
    }"""
    assert tab.evaluate(seconds) < 2
    assert tab.locator("#count").inner_text() == "1–50 of 2,500 findings (10,000 without filters)"
    for _ in range(2):
        tab.get_by_role("button", name="Next").click()
    assert tab.locator("#page").inner_text() == "Page 3 of 50"
    assert tab.locator("#count").inner_text().startswith("101–150 of 2,500")
    assert tab.evaluate("document.querySelectorAll('*').length") < 3000


@pytest.mark.parametrize(("width", "language"), [(320, "en-US"), (390, "ko-KR"), (390, "en-US"), (1280, "ko-KR")])
def test_no_sideways_scrolling(show, crowded, width, language):
    tab = show(crowded, width=width, language=language)
    tab.locator("#checks > summary").click()
    if width < 800:
        assert not tab.locator("#facets").is_visible()  # Folded away until asked for.
        tab.locator("#filters > summary").click()
    tab.locator("#facets input").first.check()
    for words in ("", "endless"):
        tab.locator("#search").fill(words)
        expect(tab.locator("#list > li")).to_have_count(1 if words else 50)
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        assert tab.evaluate(
            "[...document.querySelectorAll('main *')].every(e => e.getBoundingClientRect().right <= innerWidth)"
        )


def test_light_and_dark(show, rows):
    tab = show(page(made_up(rows, 5), Thumbnails({}, [])))
    paper = "getComputedStyle(document.body).backgroundColor"
    tab.emulate_media(color_scheme="light")
    light = tab.evaluate(paper)
    tab.emulate_media(color_scheme="dark")
    assert (light, tab.evaluate(paper)) == ("rgb(255, 255, 255)", "rgb(22, 24, 27)")


def test_many_findings_are_cut_fairly():
    many = [Fault(check="a", level="warning", message=str(n)) for n in range(50)]
    few = [Fault(check="b", level="error", message=str(n)) for n in range(3)]
    kept = fairly(many + few, 10)
    assert [f.check for f in kept] == ["a"] * 7 + ["b"] * 3
    assert [f.message for f in kept] == [*map(str, range(7)), *map(str, range(3))]
    assert fairly(many + few, 1) == [few[0]]
    assert fairly(few, 3) == few


def test_what_is_not_listed_or_pictured_is_said(show, rows):
    report = made_up(rows, 8)
    short = report.model_copy(update={"checks": [c.model_copy(update={"found": 5000}) for c in report.checks]})
    tab = show(page(short, Thumbnails({}, [], 8)))
    assert "8 of 25,000 are listed here" in tab.locator("#unlisted").inner_text()
    assert "Pictures of 0 of 8 rows" in tab.locator("footer").inner_text()
    assert tab.locator("span.picture").first.inner_text() == "no picture"


@pytest.mark.parametrize(
    "picture",
    [
        encoded(photo(1, (3000, 40))),
        encoded(photo(2, (400, 900)), "JPEG", quality=95),
        encoded(photo(3, mode="L")),
        encoded(photo(4, mode="CMYK"), "JPEG"),
        encoded(photo(5, mode="P")),
        encoded(Image.frombytes("RGB", (500, 500), os.urandom(750_000))),
    ],
    ids=["wide", "jpeg", "grey", "cmyk", "palette", "noise"],
)
def test_thumbnails_are_small(picture):
    uri = thumbnail([picture])
    small = base64.b64decode(uri.removeprefix("data:image/webp;base64,"))
    assert len(small) <= THUMBNAIL_BYTES and max(Image.open(io.BytesIO(small)).size) <= 128


def test_clear_becomes_white_and_broken_none():
    clear = base64.b64decode(thumbnail([encoded(Image.new("RGBA", (9, 9), (0, 0, 0, 0)))]).split(",")[1])
    assert min(Image.open(io.BytesIO(clear)).convert("RGB").getpixel((4, 4))) > 250
    assert thumbnail([b"no picture"]) is None
    assert thumbnail([encoded(photo(1))[:90]]) is None


def test_the_file_is_written_whole_or_not_at_all(release, rows, tmp_path, monkeypatch):
    path = tmp_path / "a.html"
    path.write_text("before")
    with monkeypatch.context() as patch, pytest.raises(ReleaseError, match=r"a\.html: .*No space left.*has room"):
        patch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        write_html(made_up(rows, 5), release, path)
    assert path.read_text() == "before" and list(tmp_path.glob(".*")) == []
    with pytest.raises(ReleaseError, match="folder that exists"):
        write_html(made_up(rows, 5), release, tmp_path / "none" / "a.html")
    write_html(made_up(rows, 5), release, path)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~_umask()


def test_the_size_is_bounded():
    assert PICTURED * THUMBNAIL_BYTES * 4 / 3 < 25e6
    fault = Fault(check="markup", level="error", message="가" * 9_000, excerpt="나" * 9_000)
    assert page(made_up([("", "", "")], 0, (fault,)), Thumbnails({}, [])).count("가" * 999) == 1
    assert len(page(made_up([("", "", "")], 0, (fault,)), Thumbnails({}, []))) < 50_000


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
