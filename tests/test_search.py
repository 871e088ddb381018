"""`mmdata search`: by a picture, by words, with a filter; what cannot be asked; the screen, JSON and the sheet of pictures."""

import io
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from browsing import HOSTILE
from kit import encoded, photo
from rich.cells import cell_len
from rich.console import Console
from tiny_models import tiny
from wardrobe import CLASSES, put_in, wardrobe

import mmdata
from mmdata.corpus import HOME, Corpus
from mmdata.errors import MmdataError, ReleaseError
from mmdata.pages.page import write
from mmdata.searching.facts import Column, Found
from mmdata.searching.pictures import Pictures
from mmdata.searching.screen import as_json, as_screen, main_columns
from mmdata.searching.vectors import home_of
from mmdata.verbs.search import search

PICTURES = {f"{CLASSES[n % 3]}/사진 {n:02}.png": encoded(photo(n % 11)) for n in range(12)}  # 11 is 0 once more.
VIEW = """
def search(row, features):
    number = int(row["id"].split()[-1])
    return {
        "id": row["id"], "image": row["image"], "url": f"https://shop.example.com/{number}", "brand": "한글 상표",
        "label": row["label"], "price": 1000 * number, "seasons": ["여름", "봄"] if number % 2 else [], "sold": number > 5,
        "none": None, "size": {"cm": number}, "note": NOTE,
    }
"""


@pytest.fixture(scope="module")
def indexed(tmp_path_factory):
    folder = wardrobe(tmp_path_factory.mktemp("찾기"), PICTURES, VIEW.replace("NOTE", repr(HOSTILE)))
    mmdata.index(folder)
    return folder


@pytest.fixture(scope="module")
def asked(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("질문") / "물어볼 사진.jpg"
    path.write_bytes(encoded(photo(4), "JPEG", quality=70))
    return path


def text_of(found: Found, width: int = 100, folder: Path | None = None) -> str:
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(as_screen(found, folder))
    return console.export_text()


def test_a_picture_finds_itself_and_a_filter_holds(indexed, asked):
    found = search(indexed, image=asked, k=3)
    assert len(found.hits) == 3 and found.hits[0].id == "train/신발/사진 04"
    assert found.hits[0].score > 0.9 and found.hits[0].row["price"] == 4000 and found.newer == ""
    assert (found.facts.corpus, found.facts.version, found.facts.model) == ("wardrobe", "1.0.0", "builtin")
    assert mmdata.search(str(indexed), image=asked.read_bytes(), k=3).hits == found.hits
    twice = search(indexed, image=encoded(photo(0)), k=1000)
    assert len(twice.hits) == 11 and (twice.hits[0].id, twice.hits[0].same) == ("train/모자/사진 00", 1)
    some = search(indexed, image=asked, k=9, where="seasons = '여름' and price < 6000")
    assert {hit.row["price"] for hit in some.hits} == {1000, 3000, 5000}
    assert Found.model_validate_json(as_json(some)) == some and "\n" not in as_json(some)
    assert search(indexed, image=asked, where="price < 0").hits == []
    assert [hit.id for hit in search(indexed, image=asked, where="id like '%사진 07'").hits] == ["train/신발/사진 07"]


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ({}, "one of --image FILE and --text WORDS"),
        ({"image": b"x", "text": "옷"}, "one of --image FILE and --text WORDS"),
        ({"text": " "}, "--text is empty"),
        ({"text": "파란 옷"}, "knows no words"),
        ({"image": "없는 사진.jpg"}, "없는 사진.jpg: cannot be read (No such file or directory)"),
        ({"image": __file__}, "test_search.py: no picture that Pillow can read"),
        ({"image": b""}, "the picture: no picture that Pillow can read"),
        ({"image": PICTURES["모자/사진 00.png"][:-300]}, "the picture: a picture that cannot be decoded"),
        ({"image": b"x", "k": 0}, "-k is 0"),
        ({"image": b"x", "k": 1001}, "1 to 1,000"),
        ({"image": b"x", "where": "prise < 1"}, "prise"),
        ({"image": b"x", "model": "openai/clip-vit-base-patch32"}, "--model openai/clip-vit-base-patch32"),
        ({"image": b"x", "version": "7.0.0"}, "wardrobe has no release '7.0.0'. It has: 1.0.0"),
        ({"image": b"x", "k": "3"}, "-k is '3'"),
        ({"text": "옷\udcb0"}, "--text '옷\\udcb0': it holds bytes that are no text"),
        ({"image": ""}, "--image is empty"),
        ({"image": "https://example.com/옷.jpg"}, "not a URL. Download it first"),
        ({"image": "/dev/zero"}, "/dev/zero: it is no regular file"),
        ({"image": "/"}, "/: it is a folder"),
        ({"image": b"x", "model": ""}, "--model is empty"),
        ({"image": b"x", "version": ""}, "--version is empty"),
        ({"image": b"x", "dsn": " "}, "--dsn is empty"),
    ],
)
def test_what_cannot_be_asked_is_one_message(indexed, question, says):
    with pytest.raises(MmdataError) as error:
        search(indexed, **question)
    assert says in str(error.value) and "\n" not in str(error.value)


def test_without_an_index_the_command_is_named(indexed, tmp_path):
    folder = shutil.copytree(indexed, tmp_path / "wardrobe", ignore=shutil.ignore_patterns(".search"))
    with pytest.raises(MmdataError, match=r"has no index\. Make one: `mmdata index "):
        search(folder, image=b"x")


def test_words_find_pictures_by_a_model_that_has_any(indexed, asked, tmp_path):
    folder = shutil.copytree(indexed, tmp_path / "옷 장" / "wardrobe")
    model = shutil.copytree(tiny("clip"), tmp_path / "clip")
    mmdata.index(folder, model=str(model))
    with pytest.raises(MmdataError, match="indexes by several models"):
        search(folder, image=asked)
    found = search(folder, text="파란 여름 원피스", k=4, model=str(model), html=tmp_path / "글.html")
    assert len(found.hits) == 4 and (found.facts.model, found.facts.called) == (str(model), "clip")
    assert search(folder, text="파란 여름 원피스", k=4, model=str(model)).hits == found.hits
    sheet = (tmp_path / "글.html").read_text(encoding="utf-8")
    assert "파란 여름 원피스" in sheet and str(model) not in sheet, "where a model lies is nobody's business"
    weights = next(model.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(MmdataError, match=r"see differently\. Index again: `mmdata index .* --model "):
        search(folder, image=asked, model=str(model))


def test_an_index_of_an_older_release_says_so(indexed, asked, tmp_path):
    shutil.copytree(indexed.parent, tmp_path / "옷 장")
    folder = tmp_path / "옷 장" / "wardrobe"
    put_in(folder, {"모자/사진 90.png": encoded(photo(90))})
    found = search(folder, image=asked)
    assert (found.facts.version, found.newer) == ("1.0.0", "1.1.0")
    assert "of 1.0.0; the newest is 1.1.0: `mmdata index FOLDER`" in text_of(found)
    assert f"`mmdata index '{folder}'`" in text_of(found, 300, folder)
    with pytest.raises(MmdataError, match=r"Make one: `mmdata index '.*/wardrobe'`"):
        search(folder, image=asked, version="1.1.0")
    mmdata.index(folder)
    assert search(folder, image=asked).facts.version == "1.1.0"
    assert search(folder, image=asked, version="1.0.0").newer == "", "it was asked for"
    (home_of(Corpus(folder), "builtin") / "1.0.0.parquet").unlink()
    with pytest.raises(MmdataError, match=r"Make one: `mmdata index '.*/wardrobe' --version 1\.0\.0`"):
        search(folder, image=asked, version="1.0.0")


def test_the_screen_has_what_tells_hits_apart_and_is_never_too_wide(indexed, asked):
    found = search(indexed, image=asked)
    columns = main_columns(found)
    assert columns[-1] == "url", "an address tells a person nothing"
    one = found.model_copy(update={"hits": [hit for hit in found.hits if hit.row["seasons"]][:1]})
    assert columns == main_columns(one) == ["brand", "label", "price", "seasons", "sold", "note", "split", "url"]
    for width in (40, 60, 100):
        shown = text_of(found, width)
        assert max(map(cell_len, shown.splitlines())) <= width
        assert "train/신발/사진 04" in shown and "score" in shown
    assert "4000" in text_of(found) and "여름, 봄" in text_of(found) and "11 pictures" in text_of(found)
    empty = found.model_copy(update={"hits": []})
    assert "Nothing was found" in text_of(empty)
    assert "Nothing passes the filter" in text_of(empty.model_copy(update={"where": "price < 0"}))
    facts = found.facts.model_copy(update={"columns": [Column(name="price", kind="whole")]})
    assert main_columns(found.model_copy(update={"facts": facts})) == ["price"]


def test_the_picture_that_is_asked_with_is_not_replaced(indexed, asked, tmp_path):
    link = tmp_path / "같은 사진.html"
    link.symlink_to(asked)
    before = asked.read_bytes()
    for path in (asked, link):
        with pytest.raises(MmdataError, match="is the picture that is asked with"):
            search(indexed, image=asked, html=path)
    assert asked.read_bytes() == before
    with (tmp_path / "큰.jpg").open("wb") as large:
        large.truncate(100_000_001)
    with pytest.raises(MmdataError, match="100,000,001 bytes; a picture's file may have 100,000,000"):
        search(indexed, image=tmp_path / "큰.jpg")


def test_only_a_file_is_replaced_and_a_link_is_written_through(tmp_path):
    target, link, loop = tmp_path / "a" / "표.html", tmp_path / "link.html", tmp_path / "loop"
    target.parent.mkdir()
    link.symlink_to(target)
    for text in ("하나", "둘"):
        write(link, text, "the sheet")
        assert link.is_symlink() and target.read_text(encoding="utf-8") == text
    os.mkfifo(pipe := tmp_path / "pipe")
    loop.symlink_to(loop)
    to_pipe = tmp_path / "to pipe"
    to_pipe.symlink_to(pipe)
    for path, kind in (
        (target.parent, "a folder"),
        (pipe, "no regular file"),
        (to_pipe, "no regular"),
        (loop, "no regular"),
    ):
        with pytest.raises(ReleaseError, match=f"the sheet cannot be written there: it is {kind}"):
            write(path, "x", "the sheet")
    assert pipe.is_fifo() and {one.name for one in tmp_path.iterdir()} == {"a", "link.html", "loop", "pipe", "to pipe"}


def test_the_sheet_of_pictures(indexed, asked, show, tmp_path):
    path = tmp_path / "찾은 것.html"
    found = search(indexed, image=asked, k=14, where="price >= 1000", html=path)
    tab = show(path, width=390, language="ko-KR")
    assert tab.locator("h1").inner_text() == "wardrobe 1.0.0"
    assert tab.locator("#verdict").inner_text() == f"{len(found.hits)}장을 찾았습니다"
    cards = tab.locator("#list > li")
    assert cards.locator(".id").all_inner_texts() == [hit.id for hit in found.hits]
    loaded = "images => images.every((image) => image.complete && image.naturalWidth > 0)"
    tab.locator("#list > li").last.scroll_into_view_if_needed()
    assert tab.locator("#list img").count() == len(found.hits) and tab.locator("#asked img").count() == 1
    tab.wait_for_function("[...document.images].every((image) => image.complete)")
    assert tab.locator("img").evaluate_all(loaded)
    assert "price >= 1000" in tab.locator("#asked").inner_text()
    first = cards.first
    assert "1.000" not in first.inner_text() and f"{found.hits[0].score:.3f}" in first.inner_text()
    first.locator("summary").click()
    assert "<img src=x" in first.inner_text(), "hostile values are text"
    assert tab.evaluate("window.hurt") is None
    assert tab.evaluate("document.documentElement.scrollWidth") == 390
    tab.locator("#language").click()
    assert "pictures found" in tab.locator("#verdict").inner_text()


def test_pictures_by_their_hash(indexed, tmp_path):
    folder = shutil.copytree(indexed, tmp_path / "wardrobe", ignore=shutil.ignore_patterns(".search"))
    pictures = Pictures(Corpus(folder), "1.0.0")
    wanted = {sha256(data).hexdigest(): data for data in PICTURES.values()}
    with ThreadPoolExecutor(8) as pool:
        assert dict(zip(wanted, pool.map(pictures.bytes_of, wanted), strict=True)) == wanted
    assert pictures.several([*wanted, "0" * 64]) == wanted and pictures.bytes_of("../../etc/passwd") is None
    with pytest.raises(ReleaseError, match=r"no release '7\.0\.0'"):
        Pictures(Corpus(folder), "7.0.0")
    for shard in (folder / "data" / "1.0.0").glob("train-*.parquet"):
        shard.write_bytes(b"PAR1")
    with pytest.raises(ReleaseError, match="`mmdata check` says what is damaged"):
        pictures.bytes_of(next(iter(wanted)))
    shutil.rmtree(sample := folder / "sample")
    shutil.copytree(HOME / "aac" / "sample", sample)
    rows = pq.read_table(next(sample.glob("train-*.parquet")), columns=["cards"])["cards"].to_pylist()
    card = rows[0][-1]["bytes"]
    assert Pictures(Corpus(folder), "sample").bytes_of(sha256(card).hexdigest()) == card
    shutil.rmtree(sample)
    with pytest.raises(ReleaseError, match="has no sample"):
        Pictures(Corpus(folder), "sample")
