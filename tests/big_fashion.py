"""Writes a fashion catalogue of any size: real clothes, each picture with a comment of its own, so that no two are equal.

    python tests/big_fashion.py /tmp/big --items 30000    # about 1 GB

A quarter are shoes. An item is worn in 1.4 seasons on average, so that 30,000 give 42,000 rows.
"""

import argparse
import csv
import json
import random
from pathlib import Path

from mmdata.corpus import HOME

PHOTOGRAPHS = Path(__file__).parents[2] / "shared/data/fashion/clothing_cc0"
SEASONS = ["봄", "여름", "가을", "겨울"]
COLOURS = ["블랙", "화이트", "네이비", "그레이", "베이지", "브라운", "카키", ""]
SHOP = "is_soldout,goods_url,brand,normal_price,price,created_at,updated_at,image_id,s3_path"
CLOTHES = f"idx,color,main_category,sub_category,season,style,fit,goods_name,thumbnail_url,{SHOP}".split(",")
SHOES = [name for name in CLOTHES if name not in {"main_category", "style", "fit"}]


def commented(jpeg: bytes, comment: bytes) -> bytes:
    """The same picture with a comment behind its start."""
    return jpeg[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + jpeg[2:]


def write(folder: Path, items: int, photographs: Path = PHOTOGRAPHS) -> Path:
    """의류.csv, 신발.csv, 필터.json and pictures/ in the folder."""
    r = random.Random(items)
    jpegs = [path.read_bytes() for path in sorted(photographs.rglob("*.jpg"))]
    filter = json.loads((HOME / "fashion/tiny/필터.json").read_text(encoding="utf-8"))
    names = {c: sorted({n for s in SEASONS for n in filter[s][c]}) for c in ("상의", "아우터", "하의", "신발")}
    for part in range(100):
        (folder / f"pictures/{part:02}").mkdir(parents=True, exist_ok=True)
    tables = {name: (folder / f"{name}.csv").open("w", encoding="utf-8-sig", newline="") for name in ("의류", "신발")}
    writers = {name: csv.DictWriter(file, CLOTHES if name == "의류" else SHOES) for name, file in tables.items()}
    for writer in writers.values():
        writer.writeheader()
    for number in range(items):
        table = "신발" if number % 4 == 0 else "의류"
        category = "신발" if number % 4 == 0 else r.choice(["상의", "아우터", "하의"])
        worn = r.choices([1, 2, 3, 4], [70, 21, 7, 2])[0]
        path = f"pictures/{number % 100:02}/goods_{number:07}.jpg"
        (folder / path).write_bytes(commented(jpegs[number % len(jpegs)], f"item {number}".encode()))
        price = r.randrange(10, 300) * 1000
        row = {
            "idx": number,
            "color": r.choice(COLOURS),
            "main_category": category,
            "sub_category": r.choice(names[category]),
            "season": ", ".join(sorted(r.sample(SEASONS, worn), key=SEASONS.index)),
            "style": "캐주얼",
            "fit": "레귤러",
            "goods_name": f"{r.choice(COLOURS)} 데일리 상품 {number}",
            "thumbnail_url": f"https://shop.example.com/img/{number}.jpg",
            "is_soldout": number % 11 == 0,
            "goods_url": f"https://shop.example.com/goods/{number}",
            "brand": f"브랜드{number % 300}",
            "normal_price": price,
            "price": price * 8 // 10,
            "created_at": "2025-11-03 09:00:00",
            "updated_at": "2025-11-03 09:00:00",
            "image_id": f"goods_{number:07}",
            "s3_path": path if number % 2 else "",
        }
        writers[table].writerow({name: row[name] for name in writers[table].fieldnames})
    for file in tables.values():
        file.close()
    (folder / "필터.json").write_text(json.dumps(filter, ensure_ascii=False), encoding="utf-8")
    return folder


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--items", type=int, default=30_000)
    given = parser.parse_args()
    print(write(given.folder, given.items))
