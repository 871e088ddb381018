"""fashion: a model's words are taken where they give nothing away and say what is recommended; else the templates'."""

import json
import re
from hashlib import sha256

import pytest
from fashion_files import CATEGORIES, FOLDER, builder_of, made
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdata.corpus import Corpus

CORPUS = Corpus(FOLDER)
MENTIONS, VIEWS, SPELLINGS = (CORPUS.module(name) for name in ("mentions", "views", "spellings"))
FEATURES = CORPUS.features
RECOMMENDED = ["데님 팬츠", "숏패딩/숏헤비 아우터", "구두", "부츠/워커", "힐/펌프스", "우리만의 통바지", "MA-2"]


def row_of(*names: str, **said: object) -> dict:
    """A row whose recommendation is these names."""
    row = {"id": "1/봄", "season": 0, "category": 0, "color": "블랙"}
    row |= {"sub_category": "후드 티셔츠", "sub_category_original": "후디"}
    recommend = {category: [] for category in CATEGORIES} | {"신발": list(names)}
    return row | {"image": None, "instruction": "물음", "answer": "규칙", "recommend": recommend} | said


@pytest.mark.parametrize(
    ("text", "away"),
    [
        ("부츠랑 신어도 돼요?", True),
        ("검정부츠가 좋을까요", True),
        ("워 커에 신을까요", True),
        ("숏 패딩 안에 입으려고요", True),
        ("ＭＡ－２ 위에 걸칠까요", True),
        ("ma 2는요?", True),
        ("summa 25에 샀어요", False),
        ("우리만의통바지", True),
        ("힐은 어때요", True),
        ("오힐에서 샀어요", False),
        ("친구 두 명과 가요", False),
        ("후드 티셔츠에 뭘 입죠?", False),
        ("청바지에 어울려요?", True),
    ],
)
def test_a_question_gives_away_what_it_names_however_it_is_spelled(text, away):
    row = row_of(*RECOMMENDED, customer={"instruction": text})
    assert VIEWS.asked(row) == ("물음" if away else text)


def test_the_items_own_words_give_nothing_away():
    jacket = row_of("데님 팬츠", sub_category="트러커 재킷", sub_category_original="데님 재킷", color="데님")
    for text, away in {
        "데님 재킷 뭐랑 입죠?": False,
        "데님 재킷에 데님 팬츠는요?": True,
        "데님이 좋아요": False,
    }.items():
        assert VIEWS.asked(jacket | {"customer": {"instruction": text}}) == ("물음" if away else text)


PIECES = [
    *RECOMMENDED,
    *"데님팬츠숏구두힐",
    "팬츠",
    "워커",
    "MA",
    " ",
    "-",
    "/",
    "를 ",
    "후드 티셔츠",
    "후디",
    "블랙",
    "2",
]


@settings(max_examples=150)
@given(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), st.sets(st.sampled_from(RECOMMENDED), min_size=1))
def test_no_prompt_holds_what_is_recommended(text, names):
    row = row_of(*sorted(names), customer={"instruction": text})
    (shown,) = VIEWS.sft(row, FEATURES)["prompt"]
    for prompt in (shown["content"], VIEWS.asked(row)):
        for name in names:
            if name == "MA-2":  # A Latin name is a whole word: MA-22 and 2MA-2 are others.
                assert not re.search(r"(?<![a-z0-9])ma-2(?![a-z0-9])", prompt.casefold())
                continue
            assert name.casefold() not in prompt.casefold()
            if len(name) > 4:
                assert SPELLINGS.key(name) not in SPELLINGS.key(prompt)


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("데님팬츠에 부츠를 신어 보세요.", True),
        ("청바지에 블랙 워커면 이 후드 티셔츠가 살아나요.", True),
        ("데님 팬츠에 잘 어울려요.", False),
        ("데님 팬츠에 부츠, 위에는 트렌치코트를 걸치세요.", False),
        ("데님 팬츠에 부츠, 안에는 셔츠를 입으세요.", False),
        ("데님 재킷에 부츠를 신으세요.", False),
        ("색이 차분한 옷이라 단정해 보여요.", False),
    ],
)
def test_an_answer_names_what_is_recommended_and_no_more(text, good):
    row = row_of("데님 팬츠", "부츠/워커", stylist={"answer": text}, customer=None)
    target = json.loads(VIEWS.sft(row, FEATURES)["completion"][0]["content"])
    assert target == {"answer": text if good else "규칙", "recommend": row["recommend"]}
    assert VIEWS.answered(row | {"stylist": None}) == VIEWS.answered({**row, "stylist": {"answer": ""}}) == "규칙"


def test_some_of_the_recorded_answers_are_taken_and_some_are_not(tmp_path):
    said: dict[tuple[str, str], str] = {}
    for line in map(json.loads, (FOLDER / "tiny_answers.jsonl").read_text(encoding="utf-8").splitlines()):
        said[line["response"], line.get("picture", "")] = line["answers"][-1]
    tiny = {str(p.relative_to(FOLDER / "tiny")): p.read_bytes() for p in (FOLDER / "tiny").rglob("*") if p.is_file()}
    taken: dict[str, set[str]] = {"asked": set(), "answered": set()}
    rows = made(builder_of(tmp_path), tiny)
    for id, row in rows.items():
        picture = sha256(row["image"].bytes).hexdigest()
        customer = json.loads(said["CustomerInstruction", picture])
        stylist = json.loads(said.get(("StylistAnswer", picture), said["StylistAnswer", ""]))
        answered = row | {"customer": customer, "stylist": stylist}
        taken["asked"] |= {id} if VIEWS.asked(answered) == customer["instruction"] else set()
        taken["answered"] |= {id} if VIEWS.answered(answered) == stylist["answer"] else set()
    assert rows.keys() - taken["asked"] == {"2010/여름"}  # It names 데님 팬츠.
    # 39386 has a cardigan in summer, 53759 another outerwear, most name nothing.
    assert taken["answered"] == {"1001/여름", "1010/여름", "1026/겨울", "15970/가을", "2010/여름"}
