"""aac: the original's dataset_completed.json, in and out, and what trainers are given of it."""

import json

import pytest
from aac_files import CORPUS, EMPTY, persona, rows_of, saved
from kit import encoded, photo, put, said

import mmdata
from mmdata import MmdataError
from mmdata.schemas import AacContext, InterpretationsAnswer
from mmdata.verbs.export import export
from mmdata.views import view

COMPLETED = CORPUS.module("completed")
VIEWS = CORPUS.module("views")
EXPORTS = CORPUS.module("exports")


@pytest.fixture
def folder(tmp_path):
    return mmdata.new("aac", tmp_path / "내 말뭉치", like="aac")


def item(number: int, **changes) -> dict:
    context = {"time": "오후 3시", "place": "집", "interaction_partner": "엄마", "current_activity": "간식"}
    made = {
        "id": number,
        "input": {
            "persona": persona(number % 5, preferred_category_types=[3, 1]),
            "context": context,
            "past_interpretation": "",
            "AAC_card_combination": [f"{n}_말{n}.png" for n in range(number % 3, 3)],
        },
        "output": [f"첫째 {number}.", "둘째.", "셋째."],
    }
    made["input"] |= changes.pop("input", {})
    return made | changes


ITEMS = [
    *map(item, range(1, 12)),
    item(12, input={"context": EMPTY}, output=""),
    item(13, input={"past_interpretation": "저번에는 물을 달라고 했다."}),
]


@pytest.fixture
def original(tmp_path):
    """A source as the original left it."""
    root = tmp_path / "dataset"
    for n in range(3):
        put(root, f"images/{n}_말{n}.png", encoded(photo(n, (8, 8))))
    saved(root / "processed/dataset_completed.json", ITEMS)
    return root


def test_export_and_import_give_the_same_items_and_views_use_every_target(folder, original, tmp_path):
    first = mmdata.build(folder, original, config="completed", workers=1)
    assert (sum(first.manifest.splits.values()), first.manifest.rejected) == (13, {})
    assert [(one.check, one.count) for one in first.findings] == [("cards without a record", 3)]
    done = export(folder, "dataset_completed", into=tmp_path / "out", pictures=True)
    assert json.loads((done.folder / "dataset_completed.json").read_text(encoding="utf-8")) == ITEMS
    assert {p.name: p.read_bytes() for p in (done.folder / "images").iterdir()} == {
        p.name: p.read_bytes() for p in (original / "images").iterdir()
    }
    told = (done.folder / "ATTRIBUTION.txt").read_text(encoding="utf-8")
    assert "Sergio Palao" in told and "1_말1.png\tarasaac" in told
    with pytest.raises(MmdataError, match="an imported item, whose cards are in no clusters"):
        export(folder, "clustering_results", into=tmp_path / "clusters")
    assert not mmdata.build(folder, done.folder, config="completed", workers=1).created
    again = export(folder, "dataset_completed", into=tmp_path / "again")
    assert json.loads((again.folder / "dataset_completed.json").read_text(encoding="utf-8")) == ITEMS
    rows = rows_of(folder)
    assert len(rows) == 13
    for row in rows.values():
        every_target_is_used(row)
    shown = list(view(folder, "interpretations", split="train"))
    assert len(shown) == sum(len(row["output"] or []) for row in rows.values() if row["split"] == "train")
    assert shown[0]["images"][0].size == (8, 8)


def test_ids_that_are_texts_are_numbered_behind_the_others(tmp_path):
    empty = dict.fromkeys(("context", "past_interpretation", "output"))
    jpeg = {"card_ids": ["a", "b"], "cards": [{"path": "a.jpg"}, {"path": "b.png"}]}
    rows = [{"id": id, "persona": {}, **empty, **jpeg} for id in ("x", "1", "007", "3")]
    EXPORTS.dataset_completed(iter(rows), tmp_path)
    made = json.loads((tmp_path / "dataset_completed.json").read_text(encoding="utf-8"))
    assert [one["id"] for one in made] == [1, 3, 4, 5]
    assert made[0]["input"]["AAC_card_combination"] == ["a.jpg", "b.png"]
    assert {json.dumps(one["input"]["context"]) for one in made} == {json.dumps(EMPTY)}
    assert list(VIEWS.CONTEXT) == list(AacContext.model_fields)
    assert list(VIEWS.STYLES) == list(InterpretationsAnswer.model_fields)


def test_what_an_item_lacks_is_said(folder, original):
    broken = [
        item(1, input={"AAC_card_combination": ["0_말0.png", "9_없음.png"]}),
        item(2, input={"AAC_card_combination": []}),
        item(3, input={"persona": persona(age="old")}),
        item(4, input={"context": dict.fromkeys(EMPTY, "오류")}, output=["Processing error"]),
        item(True),
        "text",
        item(7, note="x", input={"mood": "y"}),
        item(8, output=["하나.", "", "셋."], input={"context": EMPTY}),
        item(9, input={"persona": persona(disability_type="지적 장애"), "AAC_card_combination": ["3_칼.png"]}),
        item(10, input={"persona": persona(disability_type="지적장애"), "AAC_card_combination": ["2_말2.jpg"]}),
    ]
    put(original, "images/3_칼.png", encoded(photo(3, (8, 8))))
    saved(original / "arasaac.json", [{"_id": 3, "keywords": [], "violence": True}])
    saved(original / "boards.json", [{"id": "cboard"}])
    saved(original / "processed/dataset_completed.json", broken)
    build = mmdata.build(folder, original, config="completed", workers=1)
    assert build.manifest.rejected == {"broken item": 3, "missing picture": 1, "invalid value": 1}
    lines = [json.loads(line) for line in (folder / "data" / build.version / "rejected.jsonl").read_text().splitlines()]
    assert [line["place"] for line in lines if line["kind"] != "invalid value"] == [
        f"processed/dataset_completed.json: item {n}" for n in (2, 5, 6, 1)
    ]
    assert any("no usable picture 9_없음.png." in line["reason"] for line in lines)
    assert "on 1 items the original failed" in said(build, "failed before")
    assert "1 outputs are not three texts" in said(build, "output")
    assert "left out: input.mood (1), note (1), such as" in said(build, "dropped keys")
    assert "item 9: 3_칼: flagged violence" in said(build, "excluded cards")
    assert "1 files are of no form that is read (1 .json): boards.json" in said(build, "files not read")
    rows = rows_of(folder)
    assert set(rows) == {"4", "7", "8", "9", "10"}
    assert {id for id in rows if rows[id]["output"]} == {"7", "9", "10"} and rows["8"]["context"] is None
    assert rows["9"]["group"] == rows["10"]["group"] == rows["10"]["persona_id"] and rows["10"]["card_ids"] == ["2_말2"]


@pytest.mark.parametrize(
    "said",
    ["해석 실패", "오류: timeout", "Error", "오류", "Processing error", "API 오류 (500)", "생성 중 오류 발생", " N/A"],
)
def test_what_a_program_wrote_in_its_distress_is_no_target(said):
    assert COMPLETED.output_of(["가.", said, "다."]) == (None, COMPLETED.FAULT)
    for output in (["가.", "나."], "가.", ["가.", "나.", 3], {"most_likely": "가."}):
        made, why = COMPLETED.output_of(output)
        assert made is None and why
    fine = ["오류가 났어요.", "시험에 실패했어요.", "error가 뭐예요?"]
    assert COMPLETED.output_of(fine) == (fine, "")


# Views


def every_target_is_used(row) -> None:
    """And none is in a prompt."""
    said_of = row["output"] or []
    singles = list(VIEWS.interpretations(row))
    assert [one["completion"][0]["content"][0]["text"] for one in singles] == said_of
    threes = list(VIEWS.all_three(row))
    assert [json.loads(one["completion"][0]["content"][0]["text"]) for one in threes] == [
        dict(zip(VIEWS.STYLES, said_of, strict=True)) for _ in range(len(said_of) == 3)
    ]
    references = list(VIEWS.references(row))
    assert [one["references"] for one in references] == [[text] for text in said_of]
    for one in [*singles, *threes, *references]:
        told = json.dumps(one["prompt"], ensure_ascii=False)
        assert not any(text in told for text in said_of)
        assert one.get("style", "") in told
        blocks = one["prompt"][0]["content"]
        assert [block["type"] for block in blocks].count("image") == len(one["images"]) == len(row["card_ids"])
        assert all(set(block) <= {"type", "text"} for block in blocks)


def test_the_prompt_says_who_and_where_and_no_word_of_the_cards():
    row = item(3)["input"] | {
        "id": "3",
        "persona_id": "p",
        "cards": [{"bytes": b"", "path": "a"}] * 2,
        "keywords": ["물", "빵"],
        "attributions": ["나, CC0 1.0"],
    }
    row |= {"output": ["가.", "나.", "다."]}
    (first, *_) = VIEWS.interpretations(row)
    told = json.dumps(first["prompt"], ensure_ascii=False)
    assert all(word in told for word in ("청소년", "오후 3시", "간식", "카드 1:", "카드 2:"))
    assert not any(word in told for word in ("물", "빵"))
    made = row | {
        "context": None,
        "output": None,
        "situation": {"time": "밤", "place": "", "interaction_partner": "나", "current_activity": "쉼"},
    }
    made |= {"interpretations": {"most_likely": "라.", "alternative": "마.", "creative": "바."}}
    texts = [one["completion"][0]["content"][0]["text"] for one in VIEWS.interpretations(made)]
    assert texts == ["라.", "마.", "바."] and "시간: 밤" in VIEWS.situations(made)["context"]
    assert VIEWS.output_of(made | {"output": ["가.", " ", "다."]}) == texts
    assert first["attributions"] == VIEWS.situations(made)["attributions"] == ["나, CC0 1.0"]
    assert list(VIEWS.interpretations(made | {"interpretations": None})) == []
