"""Korean particles made to agree with the word before them: erythema가 → 홍반이.

Written here because no library does it: the well-kept ones of PyPI (hangulpy 1.5.2 of 2026-09, hangeul
0.2.0 of 2026-10) choose a form when they are told which particle it is, and finding out whether the
syllables behind a word are a particle at all is the hard part; tossi, which tried, is of 2018.
"""

import re

FIRST, LAST, FINALS = 0xAC00, 0xD7A3, 28
RIEUL = 8
"""Final consonants are numbered by Unicode (chapter 3.12): 0 is none, 8 is ㄹ."""
DIGITS = dict(zip("0123456789", (21, 8, 0, 16, 0, 0, 1, 8, 8, 0), strict=True))
"""Final consonant of each digit read aloud: 영 일 이 삼 사 오 육 칠 팔 구."""

_END = "(?![가-힣])"
_AFTER_NOUN = f"(?:요?{_END})"
_AFTER_WITH = f"(?:(?:의|는|도|만|요)?{_END}|같|함께|더불어|달리)"
_AFTER_BY = f"(?:(?:서|써|부터|까지)?(?:의|는|도|만|요|라도|나마|밖에)?{_END}|인한|인해|인하여)"
_ANY = ""

_PAIRS: list[tuple[str, str, str]] = [
    # (after a consonant, after a vowel, what may follow)
    ("은", "는", _AFTER_NOUN),
    ("이", "가", _AFTER_NOUN),
    ("을", "를", _AFTER_NOUN),
    ("과", "와", _AFTER_WITH),
    ("으로", "로", _AFTER_BY),
    ("아", "야", _END),
    ("이었", "였", _ANY),
    ("이에요", "예요", _END),
    ("이어요", "여요", _END),
    *((f"이{form}", form, f"(?:도|는|만|요)?{_END}") for form in (
        "나", "나마", "라", "라고", "라는", "라도", "라면", "라서", "라든지", "라든가", "라기보다", "란", "랑",
        "며", "면서", "고", "든", "든지", "든가", "거나", "지만", "므로", "니까", "야말로",
    )),
    *((f"이어{form}", f"여{form}", f"(?:도|는|만|요)?{_END}") for form in ("서", "도", "야")),
]  # fmt: skip
_FORMS = {form: pair[:2] for pair in _PAIRS for form in pair[:2]} | {"다": ("이다", "다")}
"""이다 itself is not among them: it follows vowels too. 다 after a consonant lacks its 이."""
_FOLLOWS = {form: pair[2] for pair in _PAIRS for form in pair[:2]} | {"다": _END}
_PARTICLE = re.compile("|".join(f"{form}(?={_FOLLOWS[form]})" for form in sorted(_FORMS, key=len, reverse=True)))
_CLOSING = re.compile(r"""['"’”」』*`]*""")
_ASIDE = re.compile(r"\s*[(\[（][^()\[\]（）]*[)\]）]$")


def agree(word: str, rest: str) -> str:
    """What follows a word, its particle made to agree with the word's last syllable.

    Only a particle is touched: one that ends there, or has another behind it (으로도); the 가 of 가장자리
    is none. Closing quotation marks may stand between.

    Args:
        word: such as 홍반; a word of which nobody knows the sound (IGA) leaves `rest` as it is.
        rest: the text right behind it, such as "가 보인다".
    """
    closing = _CLOSING.match(rest)
    start = closing.end() if closing else 0
    found, final = _PARTICLE.match(rest, start), final_of(word)
    if found is None or final is None:
        return rest
    after_consonant, after_vowel = _FORMS[found[0]]
    vowel = final == 0 or (final == RIEUL and after_vowel == "로")
    return rest[:start] + (after_vowel if vowel else after_consonant) + rest[found.end() :]


def final_of(word: str) -> int | None:
    """The final consonant of the word's last syllable: 0 for none, 8 for ㄹ; None when its sound is not known.

    A remark in brackets does not count: 홍반(붉음) ends as 홍반 does.
    """
    bare = _ASIDE.sub("", word).rstrip("'\"’”」』*` ")
    last = bare[-1:]
    if last and FIRST <= ord(last) <= LAST:
        return (ord(last) - FIRST) % FINALS
    return DIGITS.get(last)
