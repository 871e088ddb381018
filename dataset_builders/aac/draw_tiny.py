"""Draws `tiny/`: small symbols of our own, free to use, in the forms that real ones have. Run it to do so anew.

Pictures with numbers and records as ARASAAC's, two of them transparent and one flagged; SVG with a table as Mulberry's;
a board with a drawing in it; four made-up personas. interpreted.jsonl beside them is written by hand, and stays.
"""

import json
import math
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from PIL import Image, ImageDraw

SIDE = 64
TERMS = {"author": "mmdata", "license": "CC0 1.0"}
RED, GREEN, BLUE, YELLOW, BROWN, BLACK = "#d23c32", "#3c9650", "#3c64c8", "#f0c83c", "#8c5a32", "#282828"

Pen = ImageDraw.ImageDraw


def face(pen: Pen, mouth: Callable[[Pen], None], colour: str = YELLOW) -> None:
    pen.ellipse((10, 10, 54, 54), fill=colour, outline=BLACK, width=2)
    for x in (24, 40):
        pen.ellipse((x - 3, 24, x + 3, 30), fill=BLACK)
    mouth(pen)


def figure(pen: Pen, colour: str, size: int = 0) -> None:
    pen.ellipse((24, 6 + size, 40, 22 + size), fill="#f0c8a0", outline=BLACK, width=2)
    pen.polygon([(32, 22 + size), (18, 56), (46, 56)], fill=colour, outline=BLACK)


def wheels(pen: Pen) -> None:
    for x in (20, 44):
        pen.ellipse((x - 6, 42, x + 6, 54), fill=BLACK)


DRAWN: dict[tuple[int, str, str, str], Callable[[Pen], None]] = {
    (1, "사과", "apple", "food fruit"): lambda p: (p.ellipse((12, 16, 52, 56), fill=RED), p.line((32, 16, 36, 6), fill=BROWN, width=3)),
    (2, "바나나", "banana", "food fruit"): lambda p: p.arc((4, -18, 60, 50), 20, 160, fill=YELLOW, width=10),
    (3, "물", "water", "food drink"): lambda p: p.polygon([(18, 12), (46, 12), (42, 56), (22, 56)], fill=BLUE, outline=BLACK),
    (4, "우유", "milk", "food drink"): lambda p: (p.rectangle((20, 16, 44, 58), outline=BLACK, width=2), p.rectangle((22, 34, 42, 56), fill=BLUE)),
    (5, "빵", "bread", "food bakery"): lambda p: p.rounded_rectangle((10, 20, 54, 50), 12, fill=BROWN, outline=BLACK),
    (6, "기쁘다", "happy", "feeling"): lambda p: face(p, lambda q: q.arc((20, 24, 44, 46), 20, 160, fill=BLACK, width=3)),
    (7, "슬프다", "sad", "feeling"): lambda p: face(p, lambda q: q.arc((20, 38, 44, 56), 200, 340, fill=BLACK, width=3)),
    (8, "화나다", "angry", "feeling"): lambda p: face(p, lambda q: q.line((22, 44, 42, 44), fill=BLACK, width=3), RED),
    (9, "엄마", "mother", "family"): lambda p: figure(p, RED),
    (10, "아빠", "father", "family"): lambda p: figure(p, BLUE),
    (11, "아기", "baby", "family"): lambda p: figure(p, YELLOW, 18),
    (12, "자동차", "car", "transport"): lambda p: (p.rectangle((8, 28, 56, 46), fill=RED), p.rectangle((20, 16, 44, 30), fill=BLUE), wheels(p)),
    (13, "버스", "bus", "transport"): lambda p: (p.rectangle((6, 14, 58, 46), fill=GREEN), p.rectangle((12, 20, 52, 30), fill="white"), wheels(p)),
    (14, "공", "ball", "play"): lambda p: (p.ellipse((12, 12, 52, 52), fill=BLUE), p.arc((12, 12, 52, 52), 0, 180, fill="white", width=4)),
    (15, "놀이", "play", "play"): lambda p: (p.rectangle((8, 34, 30, 56), fill=GREEN), p.rectangle((34, 34, 56, 56), fill=RED), p.rectangle((21, 10, 43, 32), fill=YELLOW)),
    (16, "칼", "knife", "weapon"): lambda p: p.polygon([(10, 52), (48, 10), (54, 18), (18, 56)], fill="#969696", outline=BLACK),
}  # fmt: skip
"""(number, keyword, English, category) → how it is drawn. The last is of an excluded category."""
CLEAR = {6, 9}
"""Drawn on nothing, as ARASAAC's are."""
SVG = {
    101: ("해", "sun", "Nature Weather", "".join(f'<path d="M32 32 L{32 + 28 * math.cos(a):.1f} {32 + 28 * math.sin(a):.1f}" stroke="#f0c83c" stroke-width="4"/>' for a in (n * math.pi / 4 for n in range(8))) + '<circle cx="32" cy="32" r="14" fill="#f0c83c"/>'),
    102: ("나무", "tree", "Nature Plant", '<rect x="27" y="36" width="10" height="22" fill="#8c5a32"/><circle cx="32" cy="24" r="18" fill="#3c9650"/>'),
    103: ("꽃", "flower_1", "Nature Plant", '<path d="M32 32 V60" stroke="#3c9650" stroke-width="4"/><circle cx="32" cy="24" r="14" fill="#d23c32"/><circle cx="32" cy="24" r="5" fill="#f0c83c"/>'),
    104: ("집", "house", "Building", '<path d="M8 32 L32 8 L56 32 Z" fill="#d23c32"/><rect x="14" y="32" width="36" height="26" fill="#f0c83c"/>'),
    105: ("학교", "school", "Building", '<rect x="8" y="24" width="48" height="34" fill="#8c5a32"/><path d="M32 24 V4 H46 V12 H32" fill="#3c64c8"/>'),
    106: ("가다", "go_,_to", "Verb", '<path d="M6 26 H36 V12 L58 32 L36 52 V38 H6 Z" fill="#3c64c8"/>'),
}  # fmt: skip
BOARD = {"eat": ("먹다", '<path d="M14 40 A18 18 0 0 0 50 40 Z" fill="#d23c32"/><path d="M32 8 V34" stroke="#282828" stroke-width="5"/>')}  # fmt: skip
PEOPLE = [
    ("adolescent", "female", "자폐스펙트럼장애", "짧은 낱말로 말하고 그림을 좋아한다.", "simple", ["사과", "바나나", "음식", "간식", "음료"]),
    ("adult", "male", "지적장애", "두세 낱말을 이어 말한다.", "moderate", ["자동차", "버스", "여행", "운전", "기차"]),
    ("adult", "female", "의사소통장애", "문장을 알아듣지만 소리 내어 말하기 어렵다.", "complex", ["엄마", "아기", "가족", "집", "이웃"]),
    ("adolescent", "male", "지적장애", "손짓과 카드로 뜻을 전한다.", "moderate", ["공", "놀이", "운동", "친구", "나무"]),
]  # fmt: skip
ITEMS = 5


def main(root: Path) -> None:
    records = []
    (root / "arasaac").mkdir(parents=True, exist_ok=True)
    for (number, keyword, english, category), draw in DRAWN.items():
        image = Image.new("RGBA", (SIDE, SIDE), "#00000000" if number in CLEAR else "white")
        draw(ImageDraw.Draw(image))
        image = image if number in CLEAR else image.convert("RGB")
        image.save(root / "arasaac" / f"{number}_{keyword}.png")
        words = [{"keyword": word, "type": 2} for word in (keyword, english)]
        flags = {"sex": False, "violence": category == "weapon"}
        records.append({"_id": number, "keywords": words, "categories": [category], "tags": [], **flags, **TERMS})
    (root / "arasaac" / "arasaac_ko.json").write_text(json.dumps(records, ensure_ascii=False, indent=1) + "\n")
    (root / "mulberry" / "svg").mkdir(parents=True, exist_ok=True)
    lines = ["symbol-id,category-id,grammar,rated,tags,symbol-en,category-en,symbol-ko,author,licence,svg"]
    for number, (keyword, english, category, shapes) in SVG.items():
        name = f"svg/{english}.svg"
        (root / "mulberry" / name).write_text(_svg(shapes))
        quoted = f'"{english}"' if "," in english else english
        file = f'"{name}"' if "," in name else name
        lines.append(f"{number},1,Noun,0,,{quoted},{category},{keyword},{TERMS['author']},{TERMS['license']},{file}")
    (root / "mulberry" / "symbol-info.csv").write_text("\n".join(lines) + "\n")
    images, buttons = [], []
    for at, (english, (keyword, shapes)) in enumerate(BOARD.items()):
        licence = {"type": TERMS["license"], "author_name": TERMS["author"]}
        images.append({"id": at, "data": f"data:image/svg+xml;utf8,{quote(_svg(shapes))}", "license": licence})
        buttons.append({"id": english, "label": keyword, "image_id": at})
    board = {
        "format": "open-board-0.1", "id": "tiny", "locale": "ko", "name": "먹기", "buttons": buttons, "images": images,
        "sounds": [], "grid": {"rows": 1, "columns": 1, "order": [["eat"]]},
    }  # fmt: skip
    (root / "boards").mkdir(exist_ok=True)
    (root / "boards" / "eating.obf").write_text(json.dumps(board, ensure_ascii=False, indent=1) + "\n")
    people = []
    for id, (age, gender, disability, speech, complexity, topics) in enumerate(PEOPLE, 1):
        persona = {
            "age": age, "gender": gender, "disability_type": disability, "communication_characteristics": speech,
            "selection_complexity": complexity, "preferred_category_types": [], "interesting_topics": topics,
        }  # fmt: skip
        people.append({"id": id, "persona": persona, "items": ITEMS})
    (root / "personas.json").write_text(json.dumps(people, ensure_ascii=False, indent=1) + "\n")


def _svg(shapes: str) -> str:
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">{shapes}</svg>'


if __name__ == "__main__":
    main(Path(__file__).parent / "tiny")
