"""The page of an evaluation, opened in a real browser: scores, confusion, answers with pictures, hostile outputs, a phone."""

import base64
import io

import pytest
from browsing import HOSTILE
from judged import answer, tag, truths, written
from PIL import Image
from playwright.sync_api import expect

from mmdata.evaluating.html import LISTED, listed, page
from mmdata.metrics.measures import Confusion, Figure, Measures, Outcome, Score, Table
from mmdata.pages.page import CHARACTERS
from mmdata.pages.thumbnails import Thumbnails
from mmdata.verbs.evaluate import evaluate

NONE = Thumbnails({}, [])


@pytest.fixture(scope="module")
def judged(_built_once, tmp_path_factory):
    """Ten answers of twelve: 건선 right once and once called 정상, 아토피 once unread; one failed, one missing, one of nobody."""
    work = tmp_path_factory.mktemp("평가")
    gold = truths(_built_once)
    ids = list(gold)
    lines = [answer(id, tag(gold[id]), seconds=n) for n, id in enumerate(ids)]
    lines[1] = answer(ids[1], tag("정상", "소견이 다름."))
    lines[2] = answer(ids[2], "I cannot tell. 모르겠습니다.")
    lines[8] = answer(ids[8], error="timeout")
    lines[9:10] = [answer("test/없는 것", tag("건선"))]
    file = written(work / "예측.jsonl", lines)
    return evaluate(_built_once, file, html=work / "a.html"), work / "a.html", lines


def answers(tab):
    return [" ".join(line.split()) for line in tab.locator("#list .facts").all_inner_texts()]


def test_scores_and_where_they_come_from(show, judged):
    made, path, _ = judged
    tab = show(path)
    assert tab.locator("h1").inner_text() == "skin 1.0.0, diagnosis"
    assert tab.locator("#verdict").inner_text().split("\n") == [
        "0.800 label accuracy",
        "10 of 12 rows answered",
        "3 errors",
    ]
    first = tab.locator("#scores tbody tr").first
    score = made.measures.scores[0]
    assert first.inner_text().split("\t")[:3] == ["label accuracy", "0.800", f"{score.low:.3f}–{score.high:.3f}"]
    assert first.inner_text().endswith("over 10 of 12 rows")
    assert "label majority accuracy" in tab.locator("#scores").inner_text()
    band = first.locator(".track i").first
    assert band.evaluate("i => i.offsetWidth / i.parentElement.offsetWidth") == pytest.approx(
        score.high - score.low, abs=0.02
    )
    assert {"label by class", "label by view", "label by site"} <= set(tab.locator("#charts h3").all_inner_texts())
    by_view = tab.locator(".chart", has_text="label by view").locator("tbody tr").first.inner_text().split()
    assert by_view[0] == "정면" and len(by_view[2]) == 5, "0.000, not 0"
    tab.locator("#origin > summary").click()
    shown = tab.locator("#origin-list").inner_text()
    for text in ("sha256:abc", "out/병합", "예측.jsonl", made.model.sha256, made.data.build, "diagnosis"):
        assert text in shown
    tab.locator("#verdict").get_by_role("button", name="3 errors").click()
    assert {"failed prediction", "unknown id", "missing row"} == set(tab.locator("#faults-list b").all_inner_texts())
    assert "no class could be read" in tab.locator("#notes").inner_text()


def test_the_confusion_is_normalised_and_filters(show, judged):
    _, path, _ = judged
    tab = show(path)
    heat = tab.locator(".heat")
    assert heat.locator("thead th").all_inner_texts() == ["건선", "아토피", "여드름", "주사", "지루", "정상", "None"]
    first = heat.locator("tbody tr").first
    assert first.inner_text().split() == ["건선", "50", "1", *["0"] * 8, "50", "1", "0", "0"]
    cell = first.locator("td").nth(5)
    assert cell.get_attribute("title") == "건선 → 정상: 1 of 2"
    colour = "td => getComputedStyle(td).backgroundColor"
    assert len({first.locator("td").nth(n).evaluate(colour) for n in (0, 1, 5)}) == 3, "right, never, wrong"
    cell.get_by_role("button").click()
    assert answers(tab) == ["X Truth 건선 said 정상 0.25 s"]
    assert "q=" not in tab.evaluate("location.hash") and "truth=" in tab.evaluate("location.hash")


def test_wrong_answers_come_first_with_their_pictures(show, judged):
    _, path, _ = judged
    tab = show(path)
    marks = [text[0] for text in answers(tab)]
    assert marks == ["X"] * 2 + ["O"] * 8
    assert tab.locator("#list .excerpt").nth(1).inner_text() == "I cannot tell. 모르겠습니다."
    assert tab.locator("#list > li").nth(1).locator("p").nth(1).inner_text() == "there is no <label>…</label>"
    assert tab.locator("#list img.picture").count() == 10
    first = tab.locator("img.picture").first
    expect(first).to_have_js_property("complete", True)
    assert first.evaluate("image => image.naturalWidth") > 8
    assert "Pictures of 10 of 10 listed rows" in tab.locator("footer").inner_text()
    assert "licence: ai-hub" in tab.locator("footer").inner_text()
    tab.get_by_label("nothing could be read").check()
    assert answers(tab) == ["X Truth 아토피 said None 0.25 s"]
    tab.get_by_role("button", name="Clear all").click()
    tab.locator("#search").fill("소견이 다름")
    expect(tab.locator("#list > li")).to_have_count(1)
    tab.locator("#list .id").click()
    assert tab.locator("#count").inner_text() == "1–1 of 1 answers (10 without filters)"


def test_in_korean(show, judged):
    _, path, _ = judged
    tab = show(path, language="ko-KR")
    assert "전체 12행 가운데 10행에 답함" in tab.locator("#verdict").inner_text()
    assert tab.locator("#count").inner_text() == "10건 중 1–10"
    assert tab.get_by_role("group", name="정답").get_by_label("건선").count() == 1
    english, korean = tab.evaluate("[WORDS.en, WORDS.ko].map(words => Object.keys(words))")
    assert english == korean and len(english) > 40


def made_of(judged, **measures):
    made, _, _ = judged
    return made.model_copy(update={"measures": Measures(**measures)})


def test_hostile_outputs_stay_texts(show, judged):
    made = made_of(
        judged, scores=[Score(name=HOSTILE, value=0.5, low=0.1, high=2.0, n=1, note=HOSTILE)],
        tables=[Table(title=HOSTILE, columns=[HOSTILE], rows=[[HOSTILE]], note=HOSTILE)],
        confusions=[Confusion(title=HOSTILE, truth=[HOSTILE], said=[HOSTILE, "None"], counts=[[1, 0]])],
        outcomes=[Outcome(id=HOSTILE, truth=HOSTILE, said=HOSTILE, right=False, note=HOSTILE)],
        figures=[Figure(title=HOSTILE, png=b"no picture")], notes=[HOSTILE],
    )  # fmt: skip
    fault = made.faults[0].model_copy(update={"message": HOSTILE, "row_id": HOSTILE, "check": HOSTILE})
    data = made.data.model_copy(update=dict.fromkeys(("corpus", "version", "view", "split"), HOSTILE))
    model = made.model.model_copy(update=dict.fromkeys(("name", "revision", "file"), HOSTILE))
    made = made.model_copy(
        update={"faults": [fault], "data": data, "model": model, "settings": {HOSTILE: HOSTILE}, "metrics": [HOSTILE]}
    )
    text = page(made, {HOSTILE: answer(HOSTILE, HOSTILE * 2)}, NONE, licence=HOSTILE)
    assert "<img" not in text and text.count("</script>") == 3
    tab = show(text)
    assert tab.locator("#list .excerpt").evaluate("p => p.textContent") == HOSTILE * 2
    assert tab.locator("#list .said").evaluate("b => b.textContent") == HOSTILE
    tab.locator(".heat button").click()
    tab.locator("#language").click()
    tab.locator("#list .id").click()
    assert tab.evaluate("[window.hurt, document.scripts.length, document.images.length]") == [None, 3, 1]


def test_figures_and_endless_numbers_are_shown(show, judged):
    out = io.BytesIO()
    Image.linear_gradient("L").save(out, "PNG")  # Its bytes need both letters in which base64 comes in two kinds.
    made = made_of(
        judged, scores=[Score(name="MRR", value=float("nan"), n=3)], figures=[Figure(title="임베딩 지도", png=out.getvalue())],
        tables=[Table(title="t", columns=["x"], rows=[[float("inf")], [1.0], [None]])],
    )  # fmt: skip
    tab = show(page(made, {}, NONE))
    image = tab.locator("#figures img")
    assert image.get_attribute("alt") == "임베딩 지도"
    assert base64.b64decode(image.get_attribute("src").split(",")[1]) == out.getvalue()
    expect(image).to_have_js_property("naturalWidth", 256)
    assert tab.locator("#scores tbody td b").inner_text() == "–"
    assert tab.locator(".chart tbody td").all_inner_texts() == ["–", "1.000", "–"]
    assert not tab.locator("#findings").is_visible(), "no answers, no list of them"


@pytest.fixture(scope="module")
def crowded(judged):
    """5,200 answers of endless words, 40 classes, a table of 200 rows."""
    classes = [f"클래스{n}" for n in range(39)] + ["끝없는클래스이름" * 8]
    outcomes = [
        Outcome(id=f"row/{n}/{'x' * 60}", truth=classes[n % 40], said=classes[n * 7 % 40], right=n % 40 == n * 7 % 40, note="가" * 900)
        for n in range(5_200)
    ]  # fmt: skip
    made = made_of(
        judged, outcomes=outcomes, scores=[Score(name="끝없는점수이름" * 9, value=0.1, n=5, note="n" * 200)],
        confusions=[Confusion(title="많음", truth=classes, said=[*classes, "None"], counts=[[n] * 41 for n in range(40)])],
        tables=[Table(title="by", columns=["a", "b" * 90], rows=[[f"{n}", n / 7] for n in range(200)])],
    )  # fmt: skip
    return page(made, {one.id: answer(one.id, "endless" * 400) for one in outcomes}, NONE)


@pytest.mark.parametrize(("width", "language"), [(320, "en-US"), (390, "ko-KR"), (1280, "ko-KR")])
def test_no_sideways_scrolling(show, crowded, width, language):
    tab = show(crowded, width=width, language=language)
    tab.locator("#origin > summary").click()
    tab.locator("#faults > summary").click()
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    if width > 1000:
        assert "5,000" in tab.locator("#unlisted").inner_text() and "5,200" in tab.locator("#unlisted").inner_text()
        seconds = """async () => {
            const drawn = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
            const began = performance.now();
            document.querySelector("#facets input").click();
            await drawn();
            return (performance.now() - began) / 1000;
        }"""
        assert tab.evaluate(seconds) < 2


def test_what_is_listed_is_bounded(judged, crowded):
    assert len(crowded) < 25e6
    some = [Outcome(id=str(n), truth="a", said="b", right=(True, None, False)[n % 3]) for n in range(6)]
    assert [one.id for one in listed(some)] == ["2", "5", "1", "4", "0", "3"]
    assert len(listed([some[0]] * (LISTED + 1))) == LISTED
    made = made_of(judged, outcomes=[Outcome(id="a", truth="x", said="y", right=False)])
    assert page(made, {"a": answer("a", "가" * 9_000)}, NONE).count("가" * (CHARACTERS - 1)) == 1
