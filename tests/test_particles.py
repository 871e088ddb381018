"""Particles agree with the word before them, and what is no particle is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdata.particles import agree, final_of

CONSONANT, VOWEL, RIEUL = "홍반", "두드러기", "인설"


@pytest.mark.parametrize(
    ("word", "rest", "agreed"),
    [
        (CONSONANT, "는 있다", "은 있다"),
        (VOWEL, "은 있다", "는 있다"),
        (CONSONANT, "가", "이"),
        (VOWEL, "이 ", "가 "),
        (CONSONANT, "를,", "을,"),
        (VOWEL, "을.", "를."),
        (CONSONANT, "와 ", "과 "),
        (VOWEL, "과 ", "와 "),
        (VOWEL, "과는 다르다", "와는 다르다"),
        (CONSONANT, "와의 경계", "과의 경계"),
        (CONSONANT, "로 보인다", "으로 보인다"),
        (VOWEL, "으로 보인다", "로 보인다"),
        (RIEUL, "으로 보인다", "로 보인다"),
        (CONSONANT, "로도", "으로도"),
        (CONSONANT, "로만", "으로만"),
        (VOWEL, "으로부터의", "로부터의"),
        (CONSONANT, "로서는", "으로서는"),
        (RIEUL, "은 ", "은 "),
        (RIEUL, "가 ", "이 "),
        (CONSONANT, "나 ", "이나 "),
        (VOWEL, "이나 ", "나 "),
        (CONSONANT, "라 ", "이라 "),
        (CONSONANT, "라고도 한다", "이라고도 한다"),
        (VOWEL, "이라는 ", "라는 "),
        (CONSONANT, "며 ", "이며 "),
        (VOWEL, "이며 ", "며 "),
        (VOWEL, "이고 ", "고 "),
        (CONSONANT, "고 ", "이고 "),
        (CONSONANT, "란 ", "이란 "),
        (VOWEL, "이든 ", "든 "),
        (CONSONANT, "야!", "아!"),
        (CONSONANT, "였다", "이었다"),
        (VOWEL, "이었습니다", "였습니다"),
        (CONSONANT, "예요", "이에요"),
        (VOWEL, "이에요", "예요"),
        (CONSONANT, "다.", "이다."),
        ("홍반(붉음)", "가 ", "이 "),
        ("단계 3", "가 ", "이 "),
        ("단계 2", "이 ", "가 "),
        (CONSONANT, "'가 ", "'이 "),
        (CONSONANT, "”는 ", "”은 "),
    ],
)
def test_a_particle_agrees(word, rest, agreed):
    assert agree(word, rest) == agreed
    assert agree(word, agreed) == agreed


@pytest.mark.parametrize(
    "rest",
    ["가장자리", "이다.", "이상", "은색", "과다", "로션", "나중에", "와인", "라인", "고름", "가 ", "을까", "", " 가", ")가", "이었", "는개"],
)  # fmt: skip
def test_what_is_no_particle_is_left(rest):
    word = VOWEL if rest == "가 " else CONSONANT
    assert agree(word, rest) == rest


def test_a_word_of_unknown_sound_leaves_its_particle():
    assert final_of("IGA") is None
    assert agree("IGA", "는") == "는"


@given(st.text("가은는이를을와과로으나라며고든 .다", max_size=8), st.sampled_from([CONSONANT, VOWEL, RIEUL]))
def test_agreeing_twice_is_agreeing_once(rest, word):
    once = agree(word, rest)
    assert agree(word, once) == once
    assert len(once) - len(rest) in (-1, 0, 1)
