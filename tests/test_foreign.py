"""Foreign words: every planted one is found at its place, and nothing that should stay is touched."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdata.errors import CorpusError
from mmdata.foreign import SCHEMA, foreign_words
from mmdata.terms import Terms

TERMS = Terms(keep=["mm", "cm", "m", "μm", "IGA", "EASI", "pH", "SPF", "UVA", "IL-17", "H. pylori", "CO2", "SPF 50+"])

# The text; the words that must be found in it, in order, and their scripts.
PLANTED = [
    # With particles.
    ("볼에 erythema가 있습니다.", "erythema", "Latin"),
    ("papule은 두 개이고 pustule이 하나입니다.", "papule pustule", "Latin Latin"),
    ("scale로 덮인 plaque를 봅니다.", "scale plaque", "Latin Latin"),
    ("crust와 vesicle에서", "crust vesicle", "Latin Latin"),
    ("comedone들이 nodule처럼", "comedone nodule", "Latin Latin"),
    ("telangiectasia입니다.", "telangiectasia", "Latin"),
    ("lichenification되어 있습니다.", "lichenification", "Latin"),
    ("macule(반)이 보입니다.", "macule", "Latin"),
    ("병변은erythema이다", "erythema", "Latin"),
    # In capitals.
    ("Erythema가 ERYTHEMA로 eRyThEmA를", "Erythema ERYTHEMA eRyThEmA", "Latin Latin Latin"),
    ("SCALE이 있고 Pustule도", "SCALE Pustule", "Latin Latin"),
    ("AD로 진단", "AD", "Latin"),
    # With hyphens and apostrophes.
    ("scale-like 표면", "scale-like", "Latin"),
    ("post-inflammatory 변화", "post-inflammatory", "Latin"),
    ("well\u2011defined 경계", "well\u2011defined", "Latin"),
    ("Cushing's 모양과 Cushing’s 모양", "Cushing's Cushing’s", "Latin Latin"),
    ("홍반-erythema-홍반", "erythema", "Latin"),
    ("mm-sized 병변", "mm-sized", "Latin"),
    # Inside other words and beside numbers.
    ("홍반erythema성", "erythema", "Latin"),
    ("다발성papule성병변", "papule", "Latin"),
    ("papule3개와 3papule", "papule papule", "Latin Latin"),
    ("cmerythema와 erythemacm", "cmerythema erythemacm", "Latin Latin"),
    ("IGAs와 preIGA", "IGAs preIGA", "Latin Latin"),
    ("erythema_scale", "erythema scale", "Latin Latin"),
    ("(erythema/scale)", "erythema scale", "Latin Latin"),
    ("“erythema”, ‘scale’", "erythema scale", "Latin Latin"),
    ("5mm의 papule", "papule", "Latin"),
    ("erythema\n\nscale", "erythema scale", "Latin Latin"),
    ("IL-17과 IL-4", "IL", "Latin"),
    ("a와 b", "a b", "Latin Latin"),
    ("X 표시", "X", "Latin"),
    # Other letters of Latin.
    ("café au lait 반점", "café au lait", "Latin Latin Latin"),
    ("cafe\u0301색 반점", "cafe\u0301", "Latin"),
    ("Ｅｒｙｔｈｅｍａ가", "Ｅｒｙｔｈｅｍａ", "Latin"),
    ("Sjögren 증후군", "Sjögren", "Latin"),
    # Han.
    ("紅斑이 있습니다.", "紅斑", "Han"),
    ("丘疹과 膿疱가", "丘疹 膿疱", "Han Han"),
    ("양측頰部에", "頰部", "Han"),
    ("皮膚科", "皮膚科", "Han"),
    ("홍반(紅斑)", "紅斑", "Han"),
    # Kana, with what Japanese puts beside it.
    ("エリテーマ가 있습니다.", "エリテーマ", "Katakana"),
    ("かさぶた가", "かさぶた", "Hiragana"),
    ("赤い발진", "赤い", "Han"),
    ("ｶﾌﾟｾﾙ형", "ｶﾌﾟｾﾙ", "Katakana"),
    # Two scripts in touch.
    ("erythema紅斑이", "erythema 紅斑", "Latin Han"),
    # Further scripts.
    ("эритема가", "эритема", "Cyrillic"),
    ("ПАПУЛА를", "ПАПУЛА", "Cyrillic"),
    ("сcale은", "сcale", "Cyrillic"),  # The first letter is Cyrillic, the others Latin.
    ("α형 ερύθημα", "α ερύθημα", "Greek Greek"),
    ("حمامى가", "حمامى", "Arabic"),
    ("אדמומיות가", "אדמומיות", "Hebrew"),
    ("ผื่น이", "ผื่น", "Thai"),
    ("लाल가", "लाल", "Devanagari"),
    ("ᡳ가", "ᡳ", "Mongolian"),
    ("ꓮ가", "ꓮ", "other"),  # Lisu looks like Latin A.
]  # fmt: skip

STAYS = [
    "크기는 2cm, 5mm의 병변 3 mm, 10㎜, 0.5 CM, 12Mm",
    "10μm와 10µm",  # Greek mu, and the sign for micro.
    "mm단위 cm에서",
    "2cm-3cm, cm-mm",
    "IGA 3점, iga와 EASI가, pH는",
    "T존과 U자형, A형, V-라인, X선",
    "II형과 IV형, 제III형, Ⅱ형",
    "3x4cm, 3 x 4 cm, 3X4",
    "IL-17과 H. pylori 감염, SPF 50+ 제품, CO2 레이저",
    "<label>건선</label>\n<summary>홍반</summary><br/>",
    "홍반이 3~4개, 37.5℃, 90%, 1/2, №3, ①, ♂, →, ㎠, ✓",
    "ㅋㅋ ㆍ ᄒᆞᆫ글 한글\u1112\u1161\u11ab ー ー",
    "ｃｍ",
    "",
]


@pytest.mark.parametrize(("text", "words", "scripts"), PLANTED, ids=[text for text, _, _ in PLANTED])
def test_every_planted_word_is_found_at_its_place(text, words, scripts):
    found = foreign_words(pl.Series([text]), ["Hangul"], TERMS)
    assert found["word"].to_list() == words.split(" ")
    assert found["script"].to_list() == scripts.split(" ")
    assert [text[start:end] for start, end in found.select("start", "end").iter_rows()] == words.split(" ")


def test_sixty_are_planted():
    assert sum(len(words.split(" ")) for _, words, _ in PLANTED) >= 60


@pytest.mark.parametrize("text", STAYS)
def test_what_should_stay_is_not_found(text):
    assert foreign_words(pl.Series([text]), ["Hangul"], TERMS).rows() == []


def test_rows_are_those_of_the_texts():
    texts = pl.Series(["홍반", None, "scale과 erythema", "2cm", "crust"])
    found = foreign_words(texts, ["Hangul"], TERMS)
    assert found.select("row", "word").rows() == [(2, "scale"), (2, "erythema"), (4, "crust")]
    assert dict(found.schema) == SCHEMA


@pytest.mark.parametrize(
    ("scripts", "found"),
    [
        (["Hangul"], ["red", "紅斑", "かな", "カナ"]),
        (["Latin"], ["홍반", "紅斑", "かな", "カナ"]),
        (["Hangul", "Latin"], ["紅斑", "かな", "カナ"]),
        (["Hangul", "Latin", "Han"], ["かな", "カナ"]),
        (["Hangul", "Latin", "Han", "Kana"], []),
        ([], []),
    ],
)
def test_the_wanted_scripts_are_what_the_prompt_says(scripts, found):
    words = foreign_words(pl.Series(["red 홍반 紅斑 かな カナ"]), scripts, Terms())
    assert words["word"].to_list() == found


@pytest.mark.parametrize("name", ["Korean", "L}", "", "latin1"])
def test_an_unknown_script_is_told_with_choices(name):
    with pytest.raises(CorpusError, match=r"no Unicode script.*Latin.*Hangul"):
        foreign_words(pl.Series(["가"]), [name], Terms())


HANGUL = st.text(st.sampled_from("가나다홍반이있습니다각질 ,.\n0123456789"), max_size=12)
WORDS = st.text(st.sampled_from("bcdefghijklmnopqrstuvwyzBCDé紅斑эя"), min_size=2, max_size=8)


@given(
    st.lists(st.tuples(HANGUL, st.sampled_from(["erythema", "紅斑", "эритема", "papule", "カナ"])), max_size=6), HANGUL
)
def test_words_among_hangul_are_found_and_nothing_else(parts, tail):
    between = [(before or "가") for before, _ in parts]
    between = [before if before[-1] not in "0123456789" else before + " " for before in between]
    text = "".join(before + word + "가" for before, (_, word) in zip(between, parts, strict=True)) + tail
    assert foreign_words(pl.Series([text]), ["Hangul"], Terms())["word"].to_list() == [word for _, word in parts]


@given(st.lists(st.text(max_size=30), max_size=5))
def test_offsets_hold_for_any_text(texts):
    series = pl.Series(texts, dtype=pl.String)
    for row, word, start, end, _ in foreign_words(series, ["Hangul"], TERMS).iter_rows():
        assert texts[row][start:end] == word
        assert not any("가" <= letter <= "힣" for letter in word)


@given(HANGUL, WORDS)
def test_a_kept_word_is_never_found(text, word):
    kept = Terms(keep=[word.swapcase()])
    assert word not in foreign_words(pl.Series([f"{text}가{word}가"]), ["Hangul"], kept)["word"].to_list()
