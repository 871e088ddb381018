"""Skin for training and judging: prompts that tell nothing, a validation split of whole people, answers as read."""

import shutil

import datasets
import pytest
from judged import answer, tag, truths, written
from kit import encoded, photo, put

import mmdata
from mmdata.corpus import Corpus
from mmdata.errors import BuildError, MmdataError
from mmdata.verbs.evaluate import evaluate
from mmdata.views import rows_of


@pytest.fixture
def features(built_skin):
    return rows_of(Corpus(built_skin), "diagnosis", split="test", version="1.0.0")[0]


def views(folder):
    return Corpus(folder).module("views")


def metrics(folder):
    return Corpus(folder).module("metrics")


# Views


def test_a_question_says_nothing_of_the_diagnosis(built_skin):
    features, _ = rows_of(Corpus(built_skin), "diagnosis", split="train", version="1.0.0")
    labels = Corpus(built_skin).labels["label"]
    names = [name for cls, entry in labels.classes.items() for name in (cls, entry.en, *entry.aliases)]
    for split in ("train", "test"):
        chat = {row["id"]: row for row in mmdata.view(built_skin, "chat", split=split)}
        asked = list(mmdata.view(built_skin, "diagnosis", split=split))
        assert len(asked) == len(chat) == {"train": 24, "test": 12}[split]
        for row in asked:
            assert row["prompt"] == chat[row["id"]]["prompt"], "it is asked as it was trained"
            text = str(row["prompt"])
            assert not [name for name in names if name.lower() in text.lower()]
            assert features["view"].int2str(row["view"]) in text
            assert (
                chat[row["id"]]["completion"][0]["content"]
                == f"<label>{features['label'].int2str(row['label'])}</label>"
            )
    # All that the question hangs on is the view: rows of one view are asked the same.
    assert len({(row["view"], str(row["prompt"])) for row in asked}) == 2


def test_rows_without_an_answer_are_asked_too(built_skin):
    row = {
        "id": "a",
        "image": None,
        "label": 1,
        "view": 0,
        "gender": "F",
        "age_range": "30s",
        "site": "H1",
        "subject": "H1_0001",
        "describe": None,
    }
    features = datasets.Features(
        label=datasets.ClassLabel(names=["건선", "정상"]), view=datasets.ClassLabel(names=["정면"])
    )
    assert list(views(built_skin).chat(row, features)) == []
    made = views(built_skin).diagnosis(row, features)
    told = {"label": 1, "view": 0, "gender": "F", "age": "30s", "site": "H1", "subject": "H1_0001"}
    assert made | {"id": "a", "images": [None]} | told == made


# The validation split


@pytest.fixture
def people(tmp_path):
    """A source of 40 people with two pictures of training and one of test each, and 10 pictures of nobody known."""
    root = tmp_path / "사람들"
    for n in range(40):
        for part, (half, label) in enumerate(
            (("Training/images/TS", "건선"), ("Training/images/TS", "정상"), ("Validation/images/VS", "정상"))
        ):
            put(root, f"{half}_{label}_정면/H{n % 3}_{n:03}_P{part}_L0.png", encoded(photo(f"{n} {part}", (24, 24))))
    for n in range(10):
        put(root, f"Training/images/TS_여드름_정면/사진 {n}.png", encoded(photo(f"x {n}", (24, 24))))
    return root


def splits_of(folder, version):
    found = {}
    for split, rows in datasets.load_dataset(str(folder), version).items():
        found |= {id: (split, subject) for id, subject in zip(rows["id"], rows["subject"], strict=True)}
    return found


def test_whole_people_go_to_validation_and_always_the_same(skin, people):
    as_published = mmdata.build(skin, people)
    assert as_published.manifest.splits == {"train": 90, "test": 40} and as_published.manifest.options == {}
    assert mmdata.build(skin, people, options={"validation_share": "0"}).created is False, "as without the option"
    before = splits_of(skin, as_published.version)
    made = mmdata.build(skin, people, options={"validation_share": "0.3"})
    assert made.manifest.options == {"validation_share": 0.3}
    after = splits_of(skin, made.version)
    assert after.keys() == before.keys(), "ids stay"
    assert all(after[id] == before[id] for id in after if after[id][0] != "validation")
    moved = {id for id in after if after[id][0] == "validation"}
    assert all(before[id][0] == "train" for id in moved), "the published test half stays whole"
    who = {split: {after[id][1] for id in after if after[id][0] == split} - {None} for split in ("train", "validation")}
    assert who["train"] & who["validation"] == set()
    assert 0.15 < len(moved) / 90 < 0.45
    assert 0 < sum(after[id][1] is None for id in moved) < 10, "pictures of nobody known are drawn one by one"
    # Who else is there decides nothing.
    shutil.rmtree(people / "Training/images/TS_정상_정면")
    for n in range(20):
        (people / f"Training/images/TS_건선_정면/H{n % 3}_{n:03}_P0_L0.png").unlink()
    fewer = splits_of(skin, mmdata.build(skin, people, options={"validation_share": 0.3}).version)
    assert {id for id in fewer if fewer[id][0] == "validation"} == moved & fewer.keys()


@pytest.mark.parametrize("share", ["1", "-0.1", "nan", "1.5"])
def test_a_share_that_is_none(skin, share):
    with pytest.raises(MmdataError, match=r"validation_share=.* is out of range: give 0, as published, to under 1"):
        mmdata.build(skin, skin / "tiny", options={"validation_share": share})


def test_an_option_that_is_not_there(skin):
    with pytest.raises(BuildError, match=r"skin has no option 'validation'\. It has: validation_share"):
        mmdata.build(skin, skin / "tiny", options={"validation": "0.1"})
    with pytest.raises(BuildError, match="validation_share='a tenth': value: Input should be a valid number"):
        mmdata.build(skin, skin / "tiny", options={"validation_share": "a tenth"})


# Answers


ROW = {"label": 0, "view": 0, "age": None, "gender": None, "site": None, "subject": None}
READ = {
    "<label>건선</label>\n<summary>은백색 인설이 보임.</summary>": ("건선", "은백색 인설이 보임."),
    "소견입니다.\n<LABEL> 건선 </LABEL>": ("건선", ""),
    "<label>Seborrheic  Dermatitis</label>": ("지루", ""),
    "<label>아토피피부염</label> <label>아토피</label>": ("아토피", ""),
    "<label>건선</label> <label>정상</label>": ("None", "label '건선' and '정상' are different classes"),
    "<label>건선증 </label>": ("건선", ""),
    "<label>습진</label>": ("None", "label '습진' is not in labels.yaml"),
    "<label>건선</label> <label>습진</label>": ("None", "label '습진' is not in labels.yaml"),
    "<label>진단불가</label>": ("None", "label '진단불가' is not in labels.yaml"),
    "건선으로 보입니다.": ("None", "there is no <label>…</label>"),
    "": ("None", "there is no <label>…</label>"),
    "<label>건선": ("None", "there is no <label>…</label>"),
}


def test_what_is_read_of_an_answer(built_skin, tmp_path):
    gold = truths(built_skin)
    lines = [answer(id, text) for id, text in zip(gold, READ, strict=False)]
    made = evaluate(built_skin, written(tmp_path / "p.jsonl", lines))
    found = [(one.said, one.note) for one in made.measures.outcomes]
    assert found == list(READ.values())
    assert any("1 answers say 진단불가" in note for note in made.measures.notes)
    assert [one.truth for one in made.measures.outcomes] == list(gold.values())[: len(READ)]


def test_figures_against_a_table_by_hand(built_skin, tmp_path):
    """12 rows, two a class: 건선 right twice, 아토피 once and once unread, the others all called 정상."""
    gold = truths(built_skin)
    said = {"건선": ["건선", "건선"], "아토피": ["아토피", "?"]}
    lines = []
    for id, label in gold.items():
        lines.append(answer(id, tag(said[label].pop(0) if label in said else "정상")))
    made = evaluate(built_skin, written(tmp_path / "p.jsonl", lines), options={"rounds": 200}).measures
    scores = {one.name: one for one in made.scores}
    assert scores["label accuracy"].value == pytest.approx(5 / 12)
    assert scores["label macro recall"].value == pytest.approx((1 + 0.5 + 0 + 0 + 0 + 1) / 6)
    assert scores["label macro precision"].value == pytest.approx((1 + 1 + 0 + 0 + 0 + 2 / 8) / 6)
    assert scores["label macro F1"].value == pytest.approx((1 + 2 / 3 + 0 + 0 + 0 + 2 * 0.25 / 1.25) / 6)
    assert scores["label majority accuracy"].value == pytest.approx(1 / 6)
    assert scores["label accuracy"].low < 5 / 12 < scores["label accuracy"].high
    (confusion,) = made.confusions
    assert confusion.said == ["건선", "아토피", "여드름", "주사", "지루", "정상", "None"]
    assert confusion.counts[1] == [0, 1, 0, 0, 0, 0, 1] and confusion.counts[3] == [0, 0, 0, 0, 0, 2, 0]


def test_slices_are_of_what_the_rows_say(built_skin, features):
    module = metrics(built_skin)
    from mmdata.evaluating.pairs import Pair

    rows = [
        {"label": n % 2, "view": n % 2, "age": "30대" if n < 4 else None, "gender": None, "site": "H1", "subject": None}
        for n in range(8)
    ]
    pairs = [Pair(row, answer(str(n), tag("건선"))) for n, row in enumerate(rows)]
    made = module.diagnosis(pairs, features)
    tables = {table.title: table.rows for table in made.tables}
    assert set(tables) == {"label by class", "label by view", "label by age", "label by site"}, (
        "gender is known of nobody"
    )
    assert [row[:3] for row in tables["label by view"]] == [["정면", 4, 1.0], ["측면", 4, 0.0]]
    assert [row[:3] for row in tables["label by age"]] == [["30대", 4, 0.5], ["not known", 4, 0.5]]


def test_a_release_of_before_a_class_was_added(built_skin, features):
    from mmdata.evaluating.pairs import Pair

    older = dict(features) | {"label": datasets.ClassLabel(names=["건선", "아토피"])}
    made = metrics(built_skin).diagnosis(
        [Pair(ROW, answer("a", tag("정상"))), Pair(ROW, answer("b", tag("건선")))], older
    )
    assert [(one.said, one.note) for one in made.outcomes] == [
        ("None", "label '정상' is no class of this release"),
        ("건선", "양측 볼에 홍반이 있음."),
    ]


def test_a_release_of_before_a_class_was_renamed(built_skin, features):
    """What it calls 건선증 is 건선 now, 아토피 and 아토피 피부염 are one, and 백반증 is no more."""
    from mmdata.evaluating.pairs import Pair

    older = dict(features) | {"label": datasets.ClassLabel(names=["건선증", "아토피", "아토피 피부염", "백반증"])}
    said = [(0, "건선증"), (0, "건선"), (1, "아토피 피부염"), (2, "아토피"), (3, "백반증"), (0, "백반증")]
    pairs = [Pair(ROW | {"label": cls}, answer(str(n), tag(word))) for n, (cls, word) in enumerate(said)]
    made = metrics(built_skin).diagnosis(pairs, older)
    assert [one.right for one in made.outcomes] == [True] * 5 + [False]
    assert (made.outcomes[5].truth, made.outcomes[5].said) == ("건선", "백반증")
    assert made.confusions[0].truth == ["건선", "아토피", "백반증"]


def test_pictures_of_one_subject_are_drawn_together(built_skin, features):
    """20 subjects, of whom 14 are called right in each of their five pictures; and 100 pictures of nobody known."""
    from mmdata.evaluating.pairs import Pair

    answers = [answer(f"{n} {m}", tag("건선" if n < 14 else "정상")) for n in range(20) for m in range(5)]
    known = [Pair(ROW | {"subject": one.id.split()[0]}, one) for one in answers]
    nobody = [Pair(ROW, one) for one in answers]
    together, apart = (metrics(built_skin).diagnosis(pairs, features).scores[0] for pairs in (known, nobody))
    assert together.value == apart.value == 0.7
    assert together.high - together.low > 1.8 * (apart.high - apart.low)
