"""Sources of fashion: catalogues, filters and pictures in memory, and what its builder makes of them."""

import csv
import io
import json
from typing import Any

from characters import Held, read

from mmdata.builder import Item
from mmdata.corpus import HOME, Corpus
from mmdata.errors import Reject
from mmdata.sharing import Shared

FOLDER = HOME / "fashion"
SEASONS = ["봄", "여름", "가을", "겨울"]
CATEGORIES = ["상의", "아우터", "하의", "신발"]
SHOP = "is_soldout,goods_url,brand,normal_price,price,created_at,updated_at,image_id,s3_path"
CLOTHES = f"idx,color,main_category,sub_category,season,style,fit,goods_name,thumbnail_url,{SHOP}".split(",")
SHOES = f"idx,color,sub_category,season,goods_name,thumbnail_url,{SHOP}".split(",")
STYLES = [
    "id",
    "gender",
    "masterCategory",
    "subCategory",
    "articleType",
    "baseColour",
    "season",
    "year",
    "usage",
    "productDisplayName",
]
FILTER = {
    season: {
        "상의": ["후드 티셔츠", "셔츠/블라우스", "니트/스웨터", "맨투맨"],
        "아우터": ["카디건", "트렌치 코트", "블루종", "숏패딩"] if season != "여름" else [],
        "하의": ["데님 팬츠", "슬랙스", "숏 팬츠", "롱스커트"],
        "신발": ["로퍼", "스니커즈", "샌들", "부츠"],
    }
    for season in SEASONS
}

__all__ = ["Held", "read"]


def item(id: object = "1", **said: object) -> dict[str, object]:
    """A line of clothes, whose picture is named as its id."""
    usual = {"image_id": id, "main_category": "상의", "sub_category": "후드 티셔츠", "season": "봄", "color": "블랙"}
    return usual | {"goods_name": f"상품 {id}", "price": "39,000"} | said


def table(*rows: dict[str, object] | str, header: list[str] = CLOTHES, encoding: str = "utf-8-sig") -> bytes:
    """A CSV of these lines; a text is a line as it is."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, header, restval="", extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        if isinstance(row, str):
            out.write(row + "\r\n")
        else:
            writer.writerow(row)
    return out.getvalue().encode(encoding)


def source(*rows: Any, filter: Any = FILTER, pictures: bool = True, **files: bytes) -> dict[str, bytes]:
    """One catalogue of clothes, a filter, and a picture for each line."""
    made = {"의류.csv": table(*rows), "필터.json": json.dumps(filter, ensure_ascii=False).encode()}
    if pictures:
        ids = [row["image_id"] for row in rows if isinstance(row, dict)]
        made |= {f"pictures/{id}.jpg": b"picture of " + str(id).encode() for id in ids}
    return made | files


def builder_of(tmp_path: Any, **options: Any) -> Any:
    return Corpus(FOLDER).builder(cache_dir=str(tmp_path), **options)


def made(builder: Any, files: dict[str, bytes]) -> dict[str, dict[str, Any]]:
    """id → row, of the items that are not refused."""
    builder.sharing = Shared()
    items, _ = read(builder, files)
    return {i.id: record(builder, i, files) for i in items if "refused" not in i.data}


def record(builder: Any, one: Item, files: dict[str, bytes]) -> dict[str, Any]:
    row = builder.record(one, {name: files[file.raw] for name, file in one.files.items()})
    return {**row, "split": one.split}


def refused(builder: Any, files: dict[str, bytes]) -> dict[str, Reject]:
    """id → why, of the items that are."""
    found = {}
    for one in read(builder, files)[0]:
        if "refused" in one.data:
            try:
                builder.record(one, {})
            except Reject as why:
                found[one.id] = why
    return found
