"""Draws the clothes and shoes of `tiny/`, and writes its catalogues and filter. Run it to do so anew."""

import csv
import json
import random
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from PIL import Image, ImageDraw

SHOP = "https://shop.example.com"
COLOURS = {
    "블랙": (35, 35, 40), "화이트": (240, 240, 235), "네이비": (35, 45, 95), "그레이": (150, 150, 155), "베이지": (215, 195, 160),
    "브라운": (120, 80, 50), "카키": (95, 100, 60), "스카이블루": (140, 185, 225), "데님": (70, 105, 160), "핑크": (235, 170, 185),
}  # fmt: skip
# Number, category, sub-category as a shop spells it, season, colour, style, fit, name, shape.
CLOTHES = [
    (1001, "상의", "반팔 티셔츠", "여름", "화이트", "베이식", "레귤러", "데일리 로고 티셔츠", "short"),
    (1002, "상의", "후드 티셔츠", "봄, 가을, 겨울", "그레이", "스트릿", "오버사이즈", "헤비 기모 후디", "hood"),
    (1018, "상의", "셔츠 / 블라우스", "봄, 여름, 가을", "스카이블루", "포멀", "레귤러", "옥스퍼드 셔츠", "shirt"),
    (1007, "상의", "니트/스웨터", "가을, 겨울", "베이지", "캐주얼", "루즈", "케이블 니트", "long"),
    (1005, "아우터", "트렌치코트", "봄, 가을", "베이지", "포멀", "오버사이즈", "더블 트렌치", "coat"),
    (1026, "아우터", "숏패딩", "겨울", "블랙", "캐주얼", "레귤러", "덕다운 숏패딩", "padded"),
    (1027, "아우터", "가디건", "봄, 가을", "네이비", "캐주얼", "레귤러", "브이넥 가디건", "open"),
    (1008, "하의", "데님 팬츠", "사계절", "데님", "캐주얼", "스트레이트", "스트레이트 데님", "trousers"),
    (1033, "하의", "슬랙스", "봄, 가을, 겨울", "블랙", "포멀", "테이퍼드", "와이드 슬랙스", "wide"),
    (1010, "하의", "숏 팬츠", "여름", "카키", "캐주얼", "레귤러", "카고 반바지", "shorts"),
    (1025, "하의", "미디 스커트", "봄, 여름", "핑크", "페미닌", "A라인", "플리츠 스커트", "skirt"),
]  # fmt: skip
SHOES = [
    (2001, "스니커즈", "봄, 여름, 가을", "화이트", "코트 스니커즈", "sneaker"),
    (2018, "로퍼", "봄, 가을", "브라운", "페니 로퍼", "loafer"),
    (2003, "부츠", "가을, 겨울", "블랙", "첼시 부츠", "boot"),
    (2010, "샌들", "여름", "카키", "스트랩 샌들", "sandal"),
]
STYLES = [
    (
        15970,
        "Men",
        "Apparel",
        "Topwear",
        "Shirts",
        "Navy Blue",
        "Fall",
        "Casual",
        "Men Navy Check Shirt",
        "shirt",
        "네이비",
    ),
    (39386, "Men", "Apparel", "Bottomwear", "Jeans", "Blue", "Summer", "Casual", "Men Blue Jeans", "trousers", "데님"),
    (
        21379,
        "Women",
        "Footwear",
        "Shoes",
        "Casual Shoes",
        "Pink",
        "Spring",
        "Casual",
        "Women Pink Shoes",
        "sneaker",
        "핑크",
    ),
    (53759, "Men", "Apparel", "Topwear", "Jackets", "Grey", "Winter", "Casual", "Men Grey Jacket", "padded", "그레이"),
]
FILTER = {
    "봄": {
        "상의": ["맨투맨", "후드 티셔츠", "셔츠/블라우스", "긴소매 티셔츠"],
        "아우터": ["트렌치 코트", "카디건", "블루종", "바람막이"],
        "하의": ["데님 팬츠", "슬랙스", "코튼 팬츠", "미디스커트"],
        "신발": ["스니커즈", "로퍼", "캔버스/단화"],
    },
    "여름": {
        "상의": ["반소매 티셔츠", "민소매 티셔츠", "셔츠/블라우스"],
        "아우터": [],
        "하의": ["숏 팬츠", "데님 팬츠", "미디스커트"],
        "신발": ["샌들", "스니커즈", "슬리퍼"],
    },
    "가을": {
        "상의": ["니트/스웨터", "맨투맨", "셔츠/블라우스", "후드 티셔츠"],
        "아우터": ["트렌치 코트", "카디건", "트러커 재킷", "블레이저"],
        "하의": ["데님 팬츠", "슬랙스", "코튼 팬츠"],
        "신발": ["로퍼", "부츠", "스니커즈"],
    },
    "겨울": {
        "상의": ["니트/스웨터", "후드 티셔츠", "맨투맨"],
        "아우터": ["숏패딩", "롱패딩", "겨울 코트", "기타 아우터"],
        "하의": ["슬랙스", "데님 팬츠", "트레이닝/조거 팬츠"],
        "신발": ["부츠", "스니커즈"],
    },
}  # fmt: skip
Colour = tuple[int, ...]


def draw(number: int, shape: str, colour: Colour) -> Image.Image:
    """A garment or a shoe on a plain ground, as shops show them."""
    r = random.Random(number)  # noqa: S311
    image = Image.new("RGB", (112, 112), tuple(r.randint(215, 250) for _ in range(3)))
    pen, dark = ImageDraw.Draw(image), tuple(max(0, part - 45) for part in colour)
    x, y = r.randint(-20, 60), r.randint(-20, 60)  # A backdrop of its own: no two pictures look alike.
    pen.ellipse((x, y, x + 70, y + 70), fill=tuple(r.randint(150, 210) for _ in range(3)))
    if shape in {"trousers", "wide", "shorts"}:
        foot, spread = (64 if shape == "shorts" else 100), (14 if shape == "wide" else 6)
        for side in (-1, 1):
            leg = [(56, 16), (56 + side * 22, 16), (56 + side * (20 + spread), foot), (56 + side * 5, foot), (56, 40)]
            pen.polygon(leg, fill=colour, outline=dark)
        pen.rectangle((34, 12, 78, 19), fill=dark)
    elif shape == "skirt":
        pen.polygon([(40, 20), (72, 20), (92, 92), (20, 92)], fill=colour, outline=dark)
        for x in range(28, 92, 9):
            pen.line((56 + (x - 56) // 3, 24, x, 90), fill=dark)
    elif shape in {"sneaker", "loafer", "boot", "sandal"}:
        top = {"sneaker": 46, "loafer": 56, "boot": 16, "sandal": 66}[shape]
        pen.polygon([(22, top), (48, top), (58, 62), (96, 74), (96, 86), (22, 86)], fill=colour, outline=dark)
        pen.rectangle((18, 84, 98, 94 if shape in {"boot", "sneaker"} else 90), fill=dark)
        for x in range(50, 80, 9) if shape in {"sneaker", "sandal"} else ():
            pen.line((x, 62, x + 8, 84), fill=(250, 250, 250), width=3)
    else:
        bottom = 104 if shape == "coat" else 82
        sleeve = 52 if shape == "short" else 84
        for side in (-1, 1):
            arm = [(56 + side * 20, 22), (56 + side * 46, sleeve - 6), (56 + side * 34, sleeve), (56 + side * 18, 46)]
            pen.polygon(arm, fill=colour, outline=dark)
        pen.polygon([(34, 20), (78, 20), (80, bottom), (32, bottom)], fill=colour, outline=dark)
        pen.ellipse((46, 10, 66, 30), fill=dark if shape == "hood" else (225, 220, 215), outline=dark)
        if shape in {"shirt", "coat", "open", "padded"}:
            pen.line((56, 30, 56, bottom), fill=dark, width=5 if shape == "open" else 2)
        for y in range(36, bottom, 12) if shape == "padded" else ():
            pen.line((33, y, 79, y), fill=dark, width=2)
    return image


def table(path: Path, header: str, rows: Sequence[Sequence[object]], encoding: str) -> None:
    with path.open("w", encoding=encoding, newline="") as out:
        csv.writer(out, lineterminator="\r\n").writerows([header.split(","), *rows])


def main(root: Path) -> None:
    """Three ways to say which picture is an item's: s3_path, the address it was fetched from, its id."""
    shop, fetched = "is_soldout,goods_url,brand,normal_price,price,created_at,updated_at,image_id,s3_path", []
    clothes, shoes, styles = [], [], []

    def common(number: int, name: str, path: str) -> list[object]:
        price = 10_000 + number % 97 * 700
        day = "2025-11-03 09:00:00"
        sold, reduced = number % 5 == 0, price * 9 // 10
        return [name, f"{SHOP}/img/{number}.jpg", sold, f"{SHOP}/goods/{number}", "모의상점", price, reduced, day, day, number, path]  # fmt: skip

    def save(path: Path, *drawn: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(*drawn).save(path, optimize=True)

    for n, (number, category, sub, season, colour, style, fit, name, shape) in enumerate(CLOTHES):
        save(root / f"의류/{number}.png", number, shape, COLOURS[colour])
        clothes.append(
            [n, colour, category, sub, season, style, fit, *common(number, name, f"fashion/의류/{number}.png")]
        )
    for n, (number, sub, season, colour, name, shape) in enumerate(SHOES):
        url = f"{SHOP}/img/{number}.jpg"
        digest = sha256(url.encode()).hexdigest()[:32]
        save(root / f"pictures/{digest[:2]}/{digest}.png", number, shape, COLOURS[colour])
        content = (root / f"pictures/{digest[:2]}/{digest}.png").read_bytes()
        fetched.append([url, f"pictures/{digest[:2]}/{digest}.png", len(content), sha256(content).hexdigest()])
        shoes.append([n, colour, sub, season, *common(number, name, "")])
    for number, gender, master, sub, article, colour, season, usage, name, shape, shade in STYLES:
        save(root / f"images/{number}.png", number, shape, COLOURS[shade])
        styles.append([number, gender, master, sub, article, colour, season, 2012, usage, name])
    goods = f"goods_name,thumbnail_url,{shop}"
    table(root / "의류.csv", f"idx,color,main_category,sub_category,season,style,fit,{goods}", clothes, "utf-8-sig")
    table(root / "신발.csv", f"idx,color,sub_category,season,{goods}", shoes, "cp949")
    columns = "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName"
    table(root / "styles.csv", columns, styles, "utf-8")
    table(root / "fetched.csv", "url,file,bytes,sha256", sorted(fetched, key=lambda row: row[1]), "utf-8")
    text = json.dumps(FILTER, ensure_ascii=False, indent=1)
    (root / "필터.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(__file__).parent / "tiny")
