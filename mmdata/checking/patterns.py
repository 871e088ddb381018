"""What texts are searched for, as (Rust) regular expressions: polars runs them.

Word boundaries are those of ASCII: `(?-u:\\b)` stands between a digit and Hangul, and is many times as fast.
"""

REFUSAL = (
    "(?i)죄송(?:하지만|합니다만|합니다|스럽)|도와\\s?드릴 수 (?:없|가 없)|제공(?:할|해 드릴|해드릴) 수 (?:는 |가 )?없"
    "|(?:분석|판독|진단|식별|설명|답변|응답|처리)(?:을 |를 )?(?:할|해 드릴|해드릴|드릴) 수 (?:는 |가 )?없(?:습니다|어요|음)"
    "|(?:AI|인공지능)(?: 언어)? ?(?:모델|어시스턴트)(?:로서|이므로|이기|이라)|의료 전문가와 상담하(?:시|세요)"
    "|(?-u:\\b)(?:I['’]?m|I am) (?:sorry|unable|not able)(?-u:\\b)|(?-u:\\b)I (?:cannot|can['’]?t|won['’]?t) (?:help|assist|provide|analy[sz]e|identify|comply|describe|diagnose)"
    "|(?-u:\\b)as an? (?:AI|language model)|(?-u:\\b)unable to (?:assist|provide|analy[sz]e|identify)"
)
"""How models say no, in Korean and English; a sentence about what cannot be seen (`확인할 수 없습니다`) is none."""

MARKUP = (
    r"(?m)```|\*\*[^*\n]+\*\*|__[^_\s][^_\n]*__|^[ \t]{0,3}#{1,6} \S|^[ \t]*[-*+•] \S|^[ \t]*\d{1,2}[.)] \S.*\n[ \t]*\d{1,2}[.)] "
    r"|!?\[[^\]\n]+\]\([^)\s]+\)|^\|.*\|[ \t]*$|&(?:nbsp|lt|gt|amp|quot|#\d+);|`[^`\n]+`|</?[A-Za-z][A-Za-z0-9_-]*(?:\s[^<>\n]*)?/?>|<!--"
)
"""Markdown's emphasis, headings, lists, links, tables and code; HTML's tags and entities."""

SENTENCE_WITHIN = r"[^0-9\s][.!?。…][\"'”’」』)\]]*\s+\S"
"""The end of a sentence with another after it; the point of 2.5 and of `1. ` is none."""
SENTENCE_LAST = r"[.!?。…:][\"'”’」』)\]]*\s*$|[\"'”’」』)\]]\s*$"

EMAIL = r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"
PHONE = (
    r"(?:\+82[- ]?|(?-u:\b)0)(?:1[016789]|2|[3-6][1-5]|70|50[0-9])[-. )]{1,2}[0-9]{3,4}[-. ][0-9]{4}(?-u:\b)"
    r"|(?-u:\b)01[016789][0-9]{7,8}(?-u:\b)|(?-u:\b)1[568][0-9]{2}-[0-9]{4}(?-u:\b)"
)
"""Korean numbers: mobile, area, internet and business."""
RESIDENT = r"(?-u:\b)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[-– ]?[1-8](?:[0-9]{6}(?-u:\b)|\*{6})"
"""주민등록번호: a date of birth, then a digit for century and sex."""

_SURNAME = "[김이박최정강조윤장임한오서신권황안송류홍전고문손양배백허남심노하곽성차주우구민유진나엄채원천방공현함변염추도소석선설마길연위표명기반왕금옥육인맹제모]"
_GIVEN = "[가강건경광규근기길나남다대덕도동두라란래련명모문미민배범병보복봉빈상서석선설성세소솔수숙순슬승시아안애연영예오옥완용우욱운웅원유윤율은응의이익인일자재정종주준중지진찬창채철춘태택필하학한해향혁현형혜호홍화환효훈휘희]"
PERSON = (
    rf"(?:환자명|환자 이름|환자 성명|성명|보호자명|담당의|주치의)\s*[:은는]?\s*{_SURNAME}{_GIVEN}{{2}}(?:\W|[은는이가의을를과와님씨]|$)"
    rf"|(?:환자|보호자|원장|교수|간호사)\s+[김이박최정강조윤장임한오서신권황송류홍]{_GIVEN}{{2}}(?:\s*(?:씨|님)|[은는이가의을를]?[\s,.(]|$)"
    rf"|(?:^|[^가-힣])[김이박최정강조윤장임한오서신권황송류홍]{_GIVEN}{{2}}\s?(?:씨|님|군|양|환자)(?:[은는이가의을를께도,.\s)]|$)"
)
"""환자 김철수, 홍길동 씨: a surname, two syllables that given names have, and a word that goes with names."""
