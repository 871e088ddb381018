"""fashion: catalogues as shops write them, each line joined to its picture by what it says, or rejected with the reason."""

import csv
import io
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from fashion_files import (
    CATEGORIES,
    FOLDER,
    SEASONS,
    SHOES,
    STYLES,
    builder_of,
    item,
    made,
    read,
    refused,
    source,
    table,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import mmdata
from mmdata.corpus import Corpus
from mmdata.errors import MmdataError

CORPUS = Corpus(FOLDER)
TABLES, CATALOGUE = CORPUS.module("tables"), CORPUS.module("catalogue")
REAL = FOLDER.parents[2] / "shared/data/fashion/clothing_cc0"


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return builder_of(tmp_path_factory.mktemp("cache"))


def records(content: bytes) -> list[tuple[int, object]]:
    return list(TABLES.records(lambda: io.BytesIO(content)))


# CSV


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949"])
def test_an_encoding_is_found_by_what_is_in_the_file(builder, encoding):
    lines = [item(n, color="똠방각하 블랙") for n in range(3)]
    files = source(*lines) | {"의류.csv": table(*lines, encoding=encoding)}
    assert made(builder, files) == made(builder, source(*lines)) and len(made(builder, files)) == 3


@pytest.mark.parametrize("encoding", ["utf-8", "cp949"])
def test_a_line_of_another_encoding_is_rejected_alone(builder, encoding):
    other = {"utf-8": "cp949", "cp949": "utf-8"}[encoding]
    whole = table(*(item(n) for n in range(6)), encoding=encoding)
    broken = table(item(7, goods_name="흰색 옷"), encoding=other).split(b"\r\n", 1)[1]
    files = source(*(item(n) for n in range(8))) | {"의류.csv": whole + broken}
    why = refused(builder, files)
    assert list(why) == ["의류.csv:8"] and f"it is not {encoding.upper()}" in why["의류.csv:8"].reason
    assert len(made(builder, files)) == 6


@given(
    st.lists(st.text("ab,한", max_size=5).map(lambda t: f"{t},z"), max_size=8),
    st.binary(max_size=40),
    st.integers(0, 8),
)
@settings(max_examples=80)
def test_a_broken_line_costs_itself_alone(lines, garbage, at):
    """Where it stands hangs on no line but itself: a quote that is never closed does not swallow the file."""
    garbage = garbage.replace(b"\n", b"").replace(b"\r", b"")
    good = [line.encode() for line in lines]
    content = b"\n".join([b"a,b", *good[:at], garbage, *good[at:]]) + b"\n"
    found = dict(records(content))
    width_two = {n for n, line in enumerate(lines, 2) if line.count(",") == 1}
    moved = {n if n < at + 2 else n + 1 for n in width_two}
    read = {n for n, fields in found.items() if isinstance(fields, list) and n > 1}
    # What begins with a quote may be closed by the next: then it is one value over two lines, as CSV has it.
    assert moved - read == set() or b'"' in garbage
    assert moved - read <= {at + 2}
    for number, fields in found.items():
        if number in moved:
            assert fields == content.split(b"\n")[number - 1].decode().split(",")


@given(st.binary(max_size=300))
@settings(max_examples=80)
def test_no_bytes_are_more_than_broken_lines(content):
    numbers = [number for number, _ in records(content)]
    assert numbers == sorted(set(numbers)) and len(numbers) <= content.count(b"\n") + 1


def test_values_may_hold_commas_quotes_and_lines():
    name = '12" 힐,\r\n"한정판"'
    out = io.StringIO()
    csv.writer(out).writerows([["a", "b"], ["1", name], ["2", "x"]])
    assert records(out.getvalue().encode()) == [(1, ["a", "b"]), (2, ["1", name]), (4, ["2", "x"])]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1,2,3", "it has 3 values, the header names 18; a comma in a value wants quotes around it"),
        (",".join(["x"] * 19), "it has 19 values"),
        ('"never closed', "',' expected after '\"'"),
    ],
)
def test_a_broken_line_is_a_rejected_row_with_its_place(builder, line, words):
    files = source(item(1), line, item(2))
    why = refused(builder, files)
    assert (
        list(why) == ["의류.csv:3"] and words in why["의류.csv:3"].reason and "의류.csv:3" in why["의류.csv:3"].reason
    )
    assert made(builder, files).keys() == {"1/봄", "2/봄"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "its first line is no header: it is empty"),
        (b"\x00\xff\xfe", "its first line is no header: it is not UTF-8"),
        (b"filename,link\n1.jpg,http://x\n", "its columns are filename, link"),
        (b"sub_category,season,image_id,fit\n", "but no main_category"),
        (b"sub_category,season,image_id,season\n", "it has the column 'season' twice"),
        (b"sub_category,season,brand\n", "its columns are sub_category"),
    ],
)
def test_a_csv_that_is_no_catalogue_is_left_out_and_said(builder, content, words):
    files = source(item(1), **{"딴것.csv": content})
    _, findings = read(builder, files)
    (text,) = [f.message for f in findings if f.check == "no catalogue"]
    assert text.startswith("딴것.csv is left out: ") and words in text
    assert made(builder, files).keys() == {"1/봄"}


# What a line says


def test_shoes_have_no_category_and_styles_csv_has_other_words(builder):
    shoe = {"image_id": "s1", "sub_category": "스니커즈", "season": "사계절", "color": "WHITE", "is_soldout": "False"}
    style = dict(
        zip(
            STYLES,
            ["39386", "Men", "Apparel", "Bottomwear", "Jeans", "Blue", "Summer", "2012", "Casual", "Jeans"],
            strict=True,
        )
    )
    bag = style | {"id": "7", "masterCategory": "Accessories", "subCategory": "Bags", "articleType": "Handbags"}
    dry = style | {"id": "8", "season": "NA"}
    files = source(item(1)) | {
        "신발.csv": table(shoe, header=SHOES, encoding="cp949"),
        "styles.csv": table(style, bag, dry, header=STYLES, encoding="utf-8"),
        **{f"{id}.jpg": b"x" for id in ("s1", "39386", "7", "8")},
    }
    rows = made(builder, files)
    assert rows.keys() == {"1/봄", "39386/여름", *(f"s1/{season}" for season in SEASONS)}
    shoe, jeans = rows["s1/겨울"], rows["39386/여름"]
    assert (shoe["category"], shoe["sub_category"], shoe["color"], shoe["sold_out"]) == (
        "신발",
        "패션스니커즈화",
        "화이트",
        False,
    )
    assert shoe["recommend"]["신발"] == [] and shoe["style"] is None and shoe["seasons"] == SEASONS
    assert (jeans["category"], jeans["sub_category"], jeans["sub_category_original"]) == ("하의", "데님 팬츠", "Jeans")
    assert (jeans["color"], jeans["style"], jeans["gender"], jeans["goods_name"]) == ("블루", "Casual", "Men", "Jeans")
    assert jeans["recommend"]["아우터"] == jeans["recommend"]["하의"] == []
    why = refused(builder, files)
    assert why["7"].kind == "no place" and "Handbags of Bags of Accessories is none of 상의, 아우터" in why["7"].reason
    assert why["styles.csv:4"].kind == "no season"
    (text,) = [f.message for f in read(builder, files)[1] if f.check == "no place"]
    assert "1 lines are of no category" in text and "Handbags of Bags of Accessories (1)" in text


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ({"season": "봄, 장마"}, "unknown label", "season '장마' is none of 봄, 여름, 가을, 겨울"),
        ({"season": ""}, "no season", "season is empty"),
        ({"season": " , "}, "no season", "names none"),
        ({"main_category": "가방"}, "no place", "가방 is none of"),
        ({"main_category": "nan"}, "no main_category", "main_category is empty"),
        ({"sub_category": ""}, "no sub_category", "sub_category is empty"),
        ({"price": "문의"}, "invalid value", "price '문의' is no price"),
        ({"is_soldout": "글쎄"}, "invalid value", "is_soldout '글쎄' is neither"),
        ({"image_id": ""}, "no id", "says nothing of its picture"),
        ({"image_id": "9"}, "no picture", "image_id 9: the source has no such picture"),
        (
            {"image_id": "9", "thumbnail_url": "https://x/9.jpg"},
            "no picture",
            "`mmdata fetch FOLDER --urls CSV:thumbnail_url",
        ),
    ],
)
def test_a_line_that_cannot_be_is_rejected_with_its_reason(builder, said, kind, words):
    files = source(item(2)) | {"의류.csv": table(item(1, **said), item(2)), "1.jpg": b"x"}
    ((id, why),) = refused(builder, files).items()
    assert why.kind == kind and words in why.reason
    assert id in {"1", "9", "1/장마", "의류.csv:2"}
    assert made(builder, files).keys() == {"2/봄"} | ({"1/봄"} if "장마" in id else set())


@pytest.mark.parametrize(
    ("text", "price"), [("39,000원", 39000), ("₩1,200", 1200), ("15000.0", 15000), ("0", 0), ("", None), ("NaN", None)]
)
def test_prices_are_won(builder, text, price):
    assert made(builder, source(item(1, price=text)))["1/봄"]["price"] == price


def test_what_is_sold_out_may_be_left_out(tmp_path):
    files = source(item(1, is_soldout="True"), item(2, is_soldout="False"), item(3))
    for config, kept in (("all", "123"), ("in_stock", "23")):
        builder = builder_of(tmp_path, config_name=config)
        assert made(builder, files).keys() == {f"{n}/봄" for n in kept}
    assert "the config in_stock leaves out; the config all has it" in refused(builder, files)["1"].reason


def test_seasons_that_are_too_many_are_counted_and_options_below_one_refused(tmp_path):
    builder = builder_of(tmp_path, seasons_per_item=2)
    files = source(item(1, season="봄, 여름, 가을"), item(2, season="사계절"))
    assert len(made(builder, files)) == 4
    assert "3 rows are left out, as seasons_per_item is 2" in [f.message for f in read(builder, files)[1]]
    for option in ("seasons_per_item", "most_recommended"):
        with pytest.raises(MmdataError, match=f"{option}=0: at least 1"):
            read(builder_of(tmp_path, **{option: 0}), files)


# One item, one line


def test_a_repeated_line_is_counted_and_a_contradiction_rejected(builder):
    same = [item(1, idx=n, created_at=f"2025-11-0{n}") for n in (1, 2, 3)]
    other = [item(2), item(2, color="화이트")]
    files = source(*same, item(3)) | {"의류.csv": table(*same, *other, item(3)), "2.jpg": b"x"}
    assert made(builder, files).keys() == {"1/봄", "3/봄"}
    assert "2 lines say again what another says of the same item, left out: 1" in [
        f.message for f in read(builder, files)[1]
    ]
    why = refused(builder, files)
    assert why.keys() == {"2", "의류.csv:6"} and {one.kind for one in why.values()} == {"contradicting lines"}
    assert "의류.csv:5, 의류.csv:6 say different things of the item 2" in why["2"].reason


def test_two_items_of_one_picture_are_both_rejected_and_spare_pictures_counted(builder):
    lines = [item(1, s3_path="s3://shop/a/x.jpg"), item(2, s3_path="a/x.jpg"), item(3)]
    files = source(item(3)) | {"의류.csv": table(*lines), "a/x.jpg": b"x", "b/y.png": b"y"}
    why = refused(builder, files)
    assert why.keys() == {"1", "2"} and "의류.csv:3 says too that a/x.jpg is its item's picture" in why["1"].reason
    assert "1 pictures are no item's, left out: b/y.png" in [f.message for f in read(builder, files)[1]]


# Pictures


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(["id", "upper", "path", "bucket", "name", "url"]), min_size=1, max_size=8), st.randoms()
)
def test_a_picture_is_joined_by_what_the_line_says_in_any_order(builder, ways, order):
    lines, files, ledger = [], {}, [["url", "file", "bytes", "sha256"]]
    for n, way in enumerate(ways):
        url = f"https://shop.example.com/img?no={n}"
        path = {
            "id": f"사진/{n}.jpg", "upper": f"{n}.PNG", "path": f"옷/{n}/대표.webp", "bucket": f"옷/{n}/앞.jpg",
            "name": f"어딘가/표지_{n}.jpg", "url": f"받은 것/pictures/ab/{n:032x}.jpg",
        }[way]  # fmt: skip
        s3_path = {"path": path, "bucket": f"https://s3.kr/통/{path}?sig=1", "name": f"옛날/표지_{n}.jpg"}.get(way, "")
        lines.append(item(f"{n}", s3_path=s3_path, thumbnail_url=url if way == "url" else ""))
        files[path] = f"{n}".encode()
        ledger += [[url, path.removeprefix("받은 것/"), 1, ""]] if way == "url" else []
    order.shuffle(lines)
    out = io.StringIO()
    csv.writer(out).writerows(ledger)
    files |= {"의류.csv": table(*lines), "받은 것/fetched.csv": out.getvalue().encode()}
    files["필터.json"] = source()["필터.json"]
    files = dict(order.sample(list(files.items()), len(files)))
    rows = made(builder, files)
    assert {row["item_id"]: row["image"].bytes for row in rows.values()} == {
        f"{n}": f"{n}".encode() for n in range(len(ways))
    }


def test_a_picture_that_may_be_two_is_none(builder):
    files = source(item(5), pictures=False) | {"a/5.jpg": b"a", "b/5.png": b"b"}
    assert "may be any of a/5.jpg, b/5.png" in refused(builder, files)["5"].reason
    files["의류.csv"] = table(item(5, s3_path="x/b/5.png"))
    assert made(builder, files)["5/봄"]["image"].bytes == b"b"


def test_an_id_is_never_a_number_with_a_fraction_and_a_line_may_have_only_an_address(builder):
    files = source(pictures=False) | {"15970.jpg": b"x", "pictures/q.jpg": b"y"}
    files["의류.csv"] = table(item("15970.0"), item("", thumbnail_url="https://x/1"), item("", s3_path="z/t.jpg"))
    files |= {"fetched.csv": b"url,file,bytes,sha256\nhttps://x/1,pictures/q.jpg,1,\n", "t.jpg": b"t"}
    rows = made(builder, files)
    assert [row["image"].bytes for row in rows.values()] == [b"x", b"y", b"t"]
    assert {"15970/봄", "t/봄"} < rows.keys()


# The whole way, with real clothes

PLACES = {
    "t-shirt": ("상의", "Tshirts"), "longsleeve": ("상의", "긴팔티"), "shirt": ("상의", "Shirts"), "outwear": ("아우터", "Outwear"),
    "pants": ("하의", "Pants"), "shorts": ("하의", "Shorts"), "skirt": ("하의", "Skirt"), "hat": ("모자", "캡"),
}  # fmt: skip


@pytest.mark.skipif(not REAL.is_dir(), reason="the real clothes lie beside the checkout")
def test_real_clothes_are_fetched_built_and_exported(site, quick, tmp_path):
    shop, clothes, shoes = tmp_path / "가게", [], []
    for number, path in enumerate(sorted(REAL.glob("*/*.jpg"))[::2]):
        of, season = path.parent.name, ", ".join(SEASONS[number % 3 : number % 3 + 2])
        site.files[url := f"/{of}/{path.name}"] = path.read_bytes()
        said = {"season": season, "thumbnail_url": site.url + url, "image_id": f"g{number}", "goods_name": path.stem}
        if of == "shoes":
            shoes.append(said | {"sub_category": "스니커즈"})
        elif of in PLACES:
            clothes.append(said | dict(zip(["main_category", "sub_category"], PLACES[of], strict=True)))
    shop.mkdir()
    (shop / "의류.csv").write_bytes(table(*clothes, encoding="cp949"))
    (shop / "신발.csv").write_bytes(table(*shoes, header=SHOES))
    (shop / "필터.json").write_bytes((FOLDER / "tiny/필터.json").read_bytes())
    folder = mmdata.new("fashion", tmp_path / "내 말뭉치", like="fashion")
    for name in ("의류.csv", "신발.csv"):
        assert mmdata.fetch(folder, urls=f"{shop / name}:thumbnail_url", into=shop).failures == []
    done = mmdata.build(folder, shop)
    hats = sum(row["main_category"] == "모자" for row in clothes)
    assert done.manifest.rejected == {"no place": hats} and sum(done.manifest.splits.values()) >= 2 * 25
    assert [f.message for f in done.findings if f.level == "error"] == []
    shown = {}
    for view in ("embedding", "search"):
        shown[view] = list(mmdata.view(folder, view, split="train"))
    assert {one["text"].split()[-1]: one["image"].tobytes() for one in shown["embedding"]}.keys() <= {
        p.stem for p in REAL.glob("*/*")
    }
    by_url = {one["source_url"].removeprefix(site.url): one["image"] for one in shown["search"]}
    for url, image in by_url.items():
        assert Image.open(io.BytesIO(site.files[url])).convert("RGB").tobytes() == image.tobytes()
    files = mmdata.export(folder, "instruction", into=tmp_path / "json", pictures=True)
    assert files.files == ["images/", *(f"instruction_{split}.json" for split in ("test", "train", "validation"))]
    mmdata.export(folder, "parquet", into=tmp_path / "parquet")
    for split, rows in done.manifest.splits.items():
        found = json.loads((tmp_path / f"json/instruction_{split}.json").read_text(encoding="utf-8"))
        table_ = pq.read_table(tmp_path / f"parquet/instruction_{split}.parquet").to_pylist()
        assert len(found) == len(table_) == rows
        for one, same in zip(found, table_, strict=True):
            assert (Path(tmp_path) / "json" / one["input"]["image"]).is_file()
            assert list(one) == ["instruction", "input", "output"]
            assert list(one["input"]) == ["season", "category", "sub_category", "color", "image"]
            assert list(one["output"]) == ["answer", "recommend"] and list(one["output"]["recommend"]) == CATEGORIES
            one["input"].pop("image"), same["input"].pop("image")
            assert one == same
