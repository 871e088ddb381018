"""Every check on rows known good and known bad, and the whole of `mmdata check` on a real release."""

import io
import json
import shutil

import numpy as np
import polars as pl
import pytest
from annotating import edit_prompt, small_corpus
from kit import encoded, photo, put
from PIL import Image, ImageFilter
from rich.console import Console

import mmdata
from mmdata.annotation.joined import annotations
from mmdata.annotation.prompt import Prompt, read_prompt
from mmdata.annotation.questions import key_of
from mmdata.annotation.store import Answer, Store, path_of, writing
from mmdata.checking.between import disagreement, said_of
from mmdata.checking.check import Check, Hits
from mmdata.checking.pictures import PICTURE_CHECKS, measure
from mmdata.checking.report import Report
from mmdata.checking.rows import ROW_CHECKS, Whole
from mmdata.checking.run import CHECKS, DISAGREEMENT, check_texts
from mmdata.checking.screen import as_screen
from mmdata.checking.slices import Slice, free_texts, slices
from mmdata.checking.texts import TEXT_CHECKS
from mmdata.corpus import Corpus
from mmdata.errors import CorpusError, ReleaseError
from mmdata.findings import Finding
from mmdata.labels import ClassEntry, LabelMap
from mmdata.reading import Release
from mmdata.releases import Releases
from mmdata.schemas import SkinLesion
from mmdata.terms import Terms
from mmdata.verbs.check import check

LABELS = {
    "label": LabelMap("label", {"건선": ClassEntry(aliases=["건선증", "psoriasis"]), "주사": ClassEntry()}),
    "view": LabelMap("view", {"정면": ClassEntry(aliases=["front"]), "측면": ClassEntry(aliases=["side"])}),
}
PROMPT = Prompt.model_validate(
    {
        "id": "describe", "model": "m", "user": "u", "fields": ["label", "view"],
        "wanted": {"scripts": ["Hangul"], "min_chars": 10, "max_chars": 300,
                   "tags": {"label": {"field": "label", "none": "진단불가"}, "summary": {}}},
    }
)  # fmt: skip
LIKE = (
    "양 볼과 이마에 경계가 뚜렷한 붉은 판이 {n}개 보이고 은백색 인설이 두껍게 덮여 있으며 가장자리는 약간 솟아 있다."
    + " 그 밖에 눈에 띄는 변화는 없고 같은 조건의 재촬영을 권하며 가려움의 정도와 악화 요인을 함께 물어볼 필요가 있다."
)


def tagged(text: str, label: str = "건선") -> str:
    return f"<label>{label}</label>\n<summary>{text}</summary>"


def status(name: str, kind: str = "") -> tuple[str, str, None]:
    return name, kind, None


def numbered(n: int) -> str:
    """Texts of which no two are alike."""
    return " ".join(f"말{n}번{word}째" for word in range(12)) + "."


# Check → (answers in which it finds nothing, answers in each of which it finds a fault). All rows are 건선 정면.
TEXTS = {
    "missing": ([tagged("홍반이 보입니다.")], [status("missing")]),
    "failed": ([tagged("홍반이 보입니다.")], [status("failed", "http 500"), status("invalid", "a: b"), status("discarded")]),
    "refused": (
        [tagged("가려진 부분은 확인할 수 없습니다."), tagged("진물은 관찰할 수 없으며 경계가 분명합니다.")],
        [
            status("refused", "content_filter"),
            "죄송하지만 이 이미지에 대한 소견은 제공할 수 없습니다.",
            "죄송합니다. 도와드릴 수 없습니다.",
            "I'm sorry, but I can't help with that.",
            tagged("AI 모델로서 진단을 내릴 수는 없습니다."),
            "As an AI language model, I do not diagnose.",
            "이 사진은 판독할 수 없습니다.",
        ],
    ),
    "empty": ([tagged("홍반.")], [status("empty", "no text"), tagged(" "), "…", "\n"]),
    "truncated": (
        [tagged("홍반이 보입니다. 경계가 뚜렷합니다."), tagged("홍반이 보임"), tagged("판이 있다. (사진 1)"), "크기는 2.5cm 정도"],
        [
            status("truncated", "max_tokens"),
            tagged("홍반이 보입니다. 경계가 뚜렷하"),
            "<label>건선</label>\n<summary>홍반이 보입니다.",
            "<label>건선",
        ],
    ),
    "too short": ([tagged("열 글자가 넘는 글입니다.")], [tagged("홍반.")]),
    "too long": ([tagged("홍" * 290)], [tagged("홍" * 320)]),
    "tag missing": (
        [tagged("홍반.")],
        ["홍반.", "<label>건선</label>", tagged("홍반.", " "), tagged("홍반.") + "<label>건선</label>", "<summary>홍반</summary>"],
    ),
    "tag unknown": ([tagged("홍반."), tagged("홍반.", "건선증"), tagged("홍반.", "진단불가")], [tagged("홍반.", "건선염")]),
    "tag alias": ([tagged("홍반."), tagged("홍반.", " 건선 ")], [tagged("홍반.", "건선증"), tagged("홍반.", "Psoriasis")]),
    "tag contradicts": ([tagged("홍반."), tagged("홍반.", "건선증"), tagged("홍반.", "진단불가")], [tagged("홍반.", "주사")]),
    "tag undecided": ([tagged("홍반."), tagged("홍반.", "주사")], [tagged("홍반.", "진단불가")]),
    "foreign words": (
        [tagged("5mm의 홍반이 T존에 있습니다.")],
        [tagged("erythema가 있습니다."), tagged("紅斑이 있습니다."), "Scale로 덮임"],
    ),
    "other class named": (
        [tagged("정면에서 홍반이 보입니다."), tagged("정면과 측면이 모두 보입니다."), tagged("입안이 inside 보임")],
        [tagged("측면 사진입니다."), tagged("the Side 사진")],
    ),
    "markup": (
        [tagged("홍반 3 * 2 = 6, 2-3개, a_b_c, 1. 홍반, <3cm"), tagged("수치 <5, >3 그리고 - 표")],
        [
            tagged(text)
            for text in (
                "**홍반**이", "# 소견", "- 홍반\n- 인설", "* 홍반", "1. 홍반\n2. 인설", "```\n홍반", "`홍반`", "[홍반](http://a)",
                "| 가 | 나 |", "홍반<br>인설", "<b>홍반</b>", "홍반&nbsp;", "<!-- 홍반 -->", "<diagnosis>건선</diagnosis>", "__홍반__이",
            )
        ],
    ),
    "email address": ([tagged("가@나 그리고 3@4")], [tagged("kim.cs@example.co.kr로"), tagged("문의a@b.com")]),
    "phone number": (
        [tagged("크기는 10-20 mm, 2024-01-15, 1,234-5,678, 010-12")],
        [tagged(f"연락처는{n}입니다") for n in ("010-1234-5678", "01012345678", "02-123-4567", "+82 10-1234-5678", "1588-1234", "031) 123-4567")],
    ),
    "resident number": (
        [tagged("번호 123456-9123456, 991332-1234567, 9001011-234567")],
        [tagged("900101-1234567"), tagged("주민번호900101-1******"), tagged("9001011234567")],
    ),
    "name of a person": (
        [tagged(text) for text in ("환자 이마에 홍반", "환자 정면 사진", "성인 여성의 볼", "고령 환자", "환자 전반적 상태", "병변이 있는 환자")],
        [tagged(text) for text in ("환자 김철수의 볼", "홍길동 씨의 이마", "이영희님은", "성명: 박민준", "보호자 최은영")],
    ),
    "repeated sentence": (
        [tagged(numbered(n) + (" 조명은 적절한 편입니다." if n < 9 else "")) for n in range(40)],
        None,
    ),
    "near identical": ([tagged(numbered(n)) for n in range(40)], None),
}  # fmt: skip

# What only many answers make bad: check → (answers, faults).
TOGETHER = {
    "repeated sentence": ([tagged(numbered(n) + (" 조명은 적절한 편입니다." if n < 12 else "")) for n in range(40)], 1),
    "near identical": ([tagged(LIKE.format(n=n)) for n in range(3)] + [tagged(numbered(n)) for n in range(5)], 2),
}


def some(answers, prompt: Prompt = PROMPT, terms: Terms = Terms(keep=["mm", "cm"]), start: int = 0) -> Slice:
    """A slice of rows that are all 건선 정면."""
    held = [a if isinstance(a, tuple) else ("ok", "", a) for a in answers]
    rows = pl.DataFrame(
        [(start + n, start + n, *one, "건선", "정면") for n, one in enumerate(held)],
        schema={"number": pl.UInt32, "seq": pl.Int64, "status": pl.String, "kind": pl.String, "value": pl.String,
                "label": pl.String, "view": pl.String},
        orient="row",
    )  # fmt: skip
    return Slice(prompt, LABELS, terms, rows)


def looked(name: str, *parts: Slice, limit: int = 2000) -> Hits:
    found = check_texts(parts, limit, "row-{}".format, None)
    return next(hits for check, hits in found.items() if check.name == name)


def test_every_check_has_good_and_bad_rows():
    assert set(TEXTS) == {check.name for check in TEXT_CHECKS}
    assert {name for name, (_, bad) in TEXTS.items() if not bad} == set(TOGETHER)
    assert all(good for good, _ in TEXTS.values())
    assert set(ROWS) == {check.name for check in ROW_CHECKS}
    assert set(PICTURES) == {check.name for check in PICTURE_CHECKS}


def test_every_check_says_what_it_is():
    assert len({check.name for check in CHECKS}) == len(CHECKS)
    for one in CHECKS:
        assert one.doc.endswith("."), one.name
        assert len(one.doc) > 20, one.name


@pytest.mark.parametrize("name", TEXTS)
def test_a_check_passes_what_is_good(name):
    assert looked(name, some(TEXTS[name][0])).first == []


@pytest.mark.parametrize(
    ("name", "bad"), [(name, answer) for name, (_, all_bad) in TEXTS.items() for answer in all_bad or ()]
)
def test_a_check_finds_what_is_bad(name, bad):
    good = TEXTS[name][0]
    hits = looked(name, some([*good, bad]))
    assert hits.found == len(hits.first) >= 1
    assert {hit.number for hit in hits.first} == {len(good)}
    assert all(hit.message for hit in hits.first)


@pytest.mark.parametrize("name", TOGETHER)
def test_a_check_finds_what_many_answers_make_bad(name):
    answers, faults = TOGETHER[name]
    assert looked(name, some(answers)).found == faults
    # Cut into slices anywhere, it is the same.
    assert looked(name, some(answers[:1]), some(answers[1:20], start=1), some(answers[20:], start=20)).found == faults


def test_one_answer_of_two_rows_that_ask_the_same_is_not_near_identical():
    part = some([tagged(LIKE.format(n=1)), tagged(LIKE.format(n=1))])
    same = Slice(part.prompt, part.labels, part.terms, part.rows.with_columns(seq=pl.lit(5, pl.Int64)))
    assert looked("near identical", part).found == 1
    assert looked("near identical", same).found == 0


def test_near_identical_agrees_with_the_true_share():
    r = np.random.default_rng(5)
    words = [f"낱말{n}" for n in range(5000)]
    near, far = 0, 0
    answers, expected = [], []
    for _ in range(150):
        base = list(r.choice(words, 100))
        other = base.copy()
        for at in r.integers(0, 100, r.integers(1, 30)):
            other[at] = "바뀐" + other[at]
        runs = [set(zip(t, t[1:], t[2:], strict=False)) for t in (base, other)]
        expected.append(len(runs[0] & runs[1]) / len(runs[0] | runs[1]))
        answers += [" ".join(base), " ".join(other)]
    found = {hit.number for hit in looked("near identical", some(answers)).first}
    near = [2 * n + 1 in found for n, share in enumerate(expected) if share > 0.9]
    far = [2 * n + 1 in found for n, share in enumerate(expected) if share < 0.65]
    assert len(near) > 5 and len(far) > 20
    assert np.mean(near) > 0.95
    assert np.mean(far) < 0.05


def test_the_excerpt_marks_the_fault():
    hits = looked("foreign words", some([tagged("가나다라 마바사 " * 10 + "erythema가 있고 " + "scale도 " * 2)]))
    assert [hit.excerpt.split("«")[1].split("»")[0] for hit in hits.first] == ["erythema", "scale"]
    assert hits.first[0].excerpt.startswith("…") and "\n" not in hits.first[0].excerpt
    phone = looked("phone number", some([tagged("연락처 010-1234-5678로")])).first[0]
    assert "«010-1234-5678»" in phone.excerpt


def test_foreign_words_are_counted_and_say_what_fix_writes():
    part = some(
        [tagged("scale과 scale이 있다."), tagged("scale은 Erythema다.")], terms=Terms(replace={"scale": "인설"})
    )
    said = {hit.message for hit in looked("foreign words", part).first}
    assert any(
        "'scale' is Latin, Hangul is wanted (3 × in 2 answers)" in s and "`mmdata fix` writes 인설" in s for s in said
    )
    assert any("'Erythema' is Latin, Hangul is wanted (once)" in s and "terms.yaml" in s for s in said)


def test_the_limit_bounds_what_is_listed_and_not_what_is_counted():
    parts = [some([tagged("erythema **굵게**")] * 30, start=30 * n) for n in range(4)]
    for name in ("foreign words", "markup"):
        hits = looked(name, *parts, limit=7)
        assert (hits.found, len(hits.first), hits.judged) == (120, 7, 120)


def test_a_prompt_without_rules_is_said_to_leave_checks_unjudged():
    bare = Prompt.model_validate({"id": "p", "model": "m", "user": "u"})
    found = check_texts([some(["아무 글이나"], bare)], 10, str, None)
    silent = {check.name for check, hits in found.items() if hits.could_not}
    assert {
        "tag missing",
        "tag unknown",
        "tag contradicts",
        "too short",
        "too long",
        "foreign words",
        "other class named",
    } <= silent


def test_an_object_is_checked_by_its_free_texts():
    value = SkinLesion.model_construct(id="row", symptom="erythema", description="**굵게**").model_dump_json()
    value = json.dumps(json.loads(value) | {"label": "psoriasis", "view": "front"})
    assert dict(free_texts(SkinLesion, json.loads(value))) == {
        "id": "row",
        "symptom": "erythema",
        "description": "**굵게**",
    }
    prompt = Prompt.model_validate(PROMPT.model_dump() | {"response": "SkinLesion"})
    hits = looked("markup", some([value], prompt))
    assert [hit.message[:18] for hit in hits.first] == ["field description:"]


def test_two_prompts_that_disagree():
    def said(name, *labels):
        return said_of(some([tagged("홍반.", label) for label in labels], PROMPT.model_copy(update={"id": name})))

    told, blind = (
        said("describe", "건선", "건선증", "건선", "진단불가"),
        said("describe_blind", "건선", "건선", "주사", "주사"),
    )
    hits = disagreement(told + blind, 10)
    assert (hits.judged, hits.found, hits.first[0].number) == (3, 1, 2)
    assert hits.first[0].excerpt == "describe: «건선», describe_blind: «주사»"
    assert disagreement(told + said("other", "건선", "건선", "건선", "건선"), 10).found == 0
    assert disagreement(told, 10).could_not
    assert DISAGREEMENT.level == "warning"


def measured(image: Image.Image, wanted: str | None = None):
    data = encoded(image)
    look = measure(3, "image", "", data)
    return look._replace(wanted_sha256=look.sha256 if wanted is None else wanted)


def sharp(size=(256, 256)) -> Image.Image:
    return Image.effect_noise(size, 60).convert("RGB")


PICTURES = {
    "pictures against index": ([measured(sharp())], [measured(sharp(), "0" * 64), measure(3, "image", "", b"no picture")._replace(wanted_sha256=measure(3, "image", "", b"no picture").sha256)]),
    "dark": ([measured(sharp())], [measured(sharp().point(lambda v: v // 5))]),
    "blurred": ([measured(sharp())], [measured(sharp().filter(ImageFilter.GaussianBlur(6))), measured(Image.new("RGB", (90, 90), "white"))]),
    "tiny": ([measured(sharp((64, 64)))], [measured(sharp((63, 200)))]),
    "oddly shaped": ([measured(sharp((300, 100)))], [measured(sharp((301, 100))), measured(sharp((80, 300)))]),
}  # fmt: skip


@pytest.mark.parametrize("one", PICTURE_CHECKS, ids=lambda check: check.name)
def test_pictures_good_and_bad(one: Check):
    good, bad = PICTURES[one.name]
    assert list(one.look(good)) == []
    for look in bad:
        assert [hit.number for hit in one.look([look])] == [3]


@pytest.fixture
def release(tmp_path):
    folder = small_corpus(tmp_path, 24)
    return folder


def whole_of(folder, **update) -> Whole:
    corpus = Corpus(folder)
    manifest = Releases(corpus).newest()
    assert manifest
    return Whole(corpus, Release(folder, manifest.model_copy(update=update)), 100)


def found_by_build(check, level="error"):
    finding = Finding(level=level, check=check, message="what was seen", places=["x.png"])
    return lambda folder: whole_of(folder, findings=[finding])


def damaged(folder):
    shard = next((folder / "data").glob("*/train-*.parquet"))
    data = bytearray(shard.read_bytes())
    data[len(data) // 2] ^= 1
    shard.write_bytes(data)
    return whole_of(folder)


def stricter(folder):
    """The schema now wants what no row has."""
    whole = whole_of(folder)
    whole.corpus.builder.schema = StrictLesion
    return whole


class StrictLesion(SkinLesion):
    symptom: str


def uneven(folder):
    return whole_of(folder, counts={"label": {"건선": {"train": 100}, "주사": {"train": 9}, "정상": {"train": 0}}})


def other_finding(check, level):
    return found_by_build(check, level)


ROWS = {
    "files against manifest": damaged,
    "rows against schema": stricter,
    "class balance": uneven,
    "leak": found_by_build("leak"),
    "two labels": found_by_build("two labels"),
    "confounder": found_by_build("confounder", "warning"),
    "absent class": found_by_build("absent class", "warning"),
    "other errors of the build": found_by_build("unlistable"),
    "other warnings of the build": found_by_build("picture", "warning"),
}


@pytest.mark.parametrize("one", ROW_CHECKS, ids=lambda check: check.name)
def test_rows_good_and_bad(one: Check, release):
    assert one.look(whole_of(release, findings=[])).first == []
    hits = one.look(ROWS[one.name](release))
    assert hits.found == (24 if one.name == "rows against schema" else 1)
    assert hits.first[0].message


def annotate(folder, name: str, answers: dict[int, tuple[str, str | None]]) -> Release:
    """Put answers into the store: row number → (status, value)."""
    whole = whole_of(folder)
    prompt = read_prompt(folder, name, whole.release.kinds)
    with writing(folder) as store:
        store.keep_prompt(prompt.sha256, prompt.id, prompt.model_dump_json())
        rows = list(whole.release.rows(prompt.fields))
        lines = [Answer(key_of(prompt, rows[n])[0], rows[n].id, s, value=v) for n, (s, v) in answers.items()]  # type: ignore[arg-type]
        store.add(prompt.id, prompt.sha256, prompt.model, lines)
    return whole.release


def test_slices_read_as_the_joined_annotations(release):
    there = annotate(release, "caption", {n: ("ok", f"글 {n}") for n in range(0, 24, 2)} | {3: ("failed", None)})
    prompt = read_prompt(release, "caption", there.kinds)
    with Store(path_of(release), readonly=True) as store:
        joined = annotations(there, prompt, store, ["label"])
        parts = list(slices(there, prompt, store, Corpus(release).label_maps(there.classes), Terms(), 10, size=5))
    assert [len(part.rows) for part in parts] == [5, 5, 5, 5, 4]
    mine = pl.concat([part.rows for part in parts])
    columns = ["label", "seq", "status", "kind", "value"]
    assert mine.select(columns).equals(joined.select(columns))
    assert mine["number"].to_list() == list(range(24))


def found(report: Report) -> dict[str, int]:
    return {one.name: one.found for one in report.checks if one.found}


def test_a_release_without_answers(release):
    report = check(release)
    assert [one.name for one in report.checks] == [one.name for one in CHECKS]
    assert report.answers == {"caption": {"missing": 24}}
    run = {one.name: one for one in report.checks}
    assert run["missing"].found == 0 and "prompt caption: it has no answers yet" in run["missing"].could_not
    assert run["rows against schema"].judged == run["dark"].judged == 24
    assert found(report)["tiny"] == 24  # They are 32 pixels a side.
    # Asked for by name, what is missing is a fault.
    assert found(check(release, prompts=["caption"]))["missing"] == 24


def test_a_release_with_answers(release):
    edit_prompt(release, 'user: "', 'wanted: {scripts: [Hangul], min_chars: 8}\nuser: "')
    good = {n: ("ok", f"{n}번 사진에는 붉은 반점이 보입니다.") for n in range(20)}
    annotate(
        release,
        "caption",
        good | {20: ("refused", None), 21: ("ok", "erythema가 이마에 있습니다."), 22: ("ok", "홍반")},
    )
    report = check(release, pictures=False)
    assert report.answers == {"caption": {"ok": 22, "refused": 1, "missing": 1}}
    errors = {one.name: one.found for one in report.checks if one.found and one.level == "error"}
    assert errors == {"missing": 1, "refused": 1, "foreign words": 1, "too short": 1}
    fault = next(fault for fault in report.faults if fault.check == "foreign words")
    assert (fault.row_id, fault.split, fault.cls, fault.prompt) == ("train/건선/정면/r021", "train", "건선", "caption")
    assert "«erythema»가" in fault.excerpt
    assert next(one for one in report.checks if one.name == "dark").could_not == "pictures were left out, as asked"
    assert Report.model_validate_json(report.model_dump_json()) == report
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(as_screen(report))
    shown = console.export_text()
    assert "foreign words" in shown and "«erythema»" in shown and "4 errors" in shown


def test_pictures_that_changed_are_found(release):
    mmdata.build(release, put(release.parent, "src/Training/images/TS_건선_정면/a.png", encoded(photo(1))).parents[3])
    whole = whole_of(release)
    index = whole.release.folder / "index.parquet"
    table = pl.read_parquet(index)
    wrong = table.with_columns(
        pictures=pl.Series([[{"field": "image", "sha256": "0" * 64}]], dtype=table["pictures"].dtype)
    )
    wrong.write_parquet(index)
    report = found(check(release))
    assert (report["pictures against index"], report["files against manifest"]) == (1, 1)


def test_what_cannot_be_checked_says_why(release):
    with pytest.raises(ReleaseError, match=r"no release '9\.9\.9'"):
        check(release, version="9.9.9")
    with pytest.raises(CorpusError, match="no prompt 'nope'"):
        check(release, prompts=["nope"])
    shutil.rmtree(release / "data")
    with pytest.raises(ReleaseError, match="no release to check yet"):
        check(release)


def test_skin_ships_with_terms_for_its_words(skin):
    from mmdata.terms import read_terms

    terms = read_terms(skin)
    assert len(terms.replace) >= 34
    assert terms.replace["erythema"] == "홍반"
    assert {"cm", "mm", "IGA"} <= set(terms.keep)
