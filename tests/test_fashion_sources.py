"""fashion: catalogues as shops write them, each line joined to its picture by what it says, or rejected with the reason."""

import csv
import io
from hashlib import sha256

import pytest
from fashion_files import (
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

from mmdata.errors import MmdataError


@pytest.fixture(scope="module")
def builder(tmp_path_factory):
    return builder_of(tmp_path_factory.mktemp("cache"))


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
    assert "1 pictures are of no item that gets rows, left out: b/y.png" in [f.message for f in read(builder, files)[1]]


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
        s3_path = {"path": path, "bucket": f"https://s3.kr/통/{path}?sig=1", "name": f"옛날/어딘가/표지_{n}.jpg"}.get(
            way, ""
        )
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


def test_a_picture_of_another_folder_is_another_items(builder):
    files = source(pictures=False) | {"옷/2/대표.jpg": b"2"}
    files["의류.csv"] = table(item("", s3_path="옷/1/대표.jpg"))
    (why,) = refused(builder, files).values()
    assert why.kind == "no picture" and "s3_path 옷/1/대표.jpg" in why.reason
    files["의류.csv"] = table(item("", s3_path="s3://통/더/2/대표.jpg"))
    assert [row["image"].bytes for row in made(builder, files).values()] == [b"2"]


def test_a_signed_address_is_known_without_its_signature_and_a_broken_line_of_the_ledger_is_said(builder):
    stripped, ledger = "https://x.kr/1.jpg?w=9", b"url,file,bytes,sha256\n%s\nhttps://x.kr/1.jpg?w=9,p/q.jpg,1,\n"
    files = source(pictures=False) | {"p/q.jpg": b"y", "fetched.csv": ledger % (b"a," + b"b" * 200_000)}
    rows = []
    for signature in ("A", "B"):
        url = f"https://me:word@x.kr/1.jpg?w=9&X-Amz-Signature={signature}"
        files["의류.csv"] = table(item("", thumbnail_url=url))
        rows.append(made(builder, files))
    (row,) = rows[0].values()
    assert rows[0] == rows[1] and row["image"].bytes == b"y" and row["thumbnail_url"] == stripped
    whole = "https://x.kr/2.jpg?sig=b"
    files["의류.csv"] = table(item(1, thumbnail_url=whole), item(2, thumbnail_url=whole + "c"))
    names = [f"https://x.kr/2.jpg#{sha256(url.encode()).hexdigest()[:32]}".encode() for url in (whole, whole + "c")]
    lines = b"%s,p/a.jpg,1,\n%s,p/b.jpg,1,\n" % tuple(names)
    both = made(builder, files | {"fetched.csv": b"url,file,bytes,sha256\n" + lines, "p/a.jpg": b"a", "p/b.jpg": b"b"})
    assert [row["image"].bytes for row in both.values()] == [b"a", b"b"]
    (text,) = [f.message for f in read(builder, files)[1] if f.check == "broken line"]
    assert "lines of fetched.csv cannot be read" in text and "fetched.csv:2" in text


def test_an_id_is_never_a_number_with_a_fraction_and_a_line_may_have_only_an_address(builder):
    files = source(pictures=False) | {"15970.jpg": b"x", "pictures/q.jpg": b"y"}
    files["의류.csv"] = table(item("15970.0"), item("", thumbnail_url="https://x/1"), item("", s3_path="z/t.jpg"))
    files |= {"fetched.csv": b"url,file,bytes,sha256\nhttps://x/1,pictures/q.jpg,1,\n", "z/t.jpg": b"t"}
    rows = made(builder, files)
    assert [row["image"].bytes for row in rows.values()] == [b"x", b"y", b"t"]
    assert {"15970/봄", "t/봄"} < rows.keys()
