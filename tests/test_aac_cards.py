"""aac: which pictograms of a source become cards, and what each other one is left out for."""

import base64
import sqlite3
from collections import Counter

import numpy as np
import pytest
from aac_files import CORPUS, REAL
from aac_symbols import CARDS, SVG, board, js, opened, packed, png, read, record
from characters import Held
from kit import encoded, photo
from PIL import Image

from mmdata import Listing, MmdataError
from mmdata.sources import open_source

# Pictures


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_lies_on_white(mode):
    """Read as RGB, ARASAAC's black lines on nothing would be black on black, or on a colour that nobody was to see."""
    image = Image.new("RGBA", (8, 8), (90, 100, 110, 0))
    image.paste((0, 0, 0, 255), (2, 2, 4, 4))
    image = image.convert(mode) if mode != "P" else image.quantize(4)
    cards, _ = read({"1_선.png": encoded(image)})
    seen = np.asarray(opened(cards["1_선"]).convert("RGB"))
    assert seen[0, 0].tolist() == [255, 255, 255] and seen[3, 3].tolist() == [0, 0, 0]
    assert "transparency" not in opened(cards["1_선"]).info


def test_what_is_opaque_stays_byte_for_byte():
    files = {"1_a.png": png(1), "2_나.png": png(2, "L")}
    cards, said = read(files, filter_cards=False)
    assert {f"{id}.png": card.image.bytes for id, card in cards.items()} == files
    assert said == []


def test_a_drawing_is_in_the_middle_of_a_white_square():
    table = b"symbol-id,symbol-en,category-en,svg\n7,flag,Things,a/flag.svg\n"
    cards, said = read({"symbol-info.csv": table, "a/flag.svg": SVG}, symbol_size=64)
    seen = np.asarray(opened(cards["7_flag"]))
    assert seen.shape == (64, 64, 3) and said == []
    assert (seen[:16] == 255).all() and (seen[48:] == 255).all() and (seen[20:44] == [255, 0, 0]).all()


# What is left out


def test_every_card_that_is_left_out_is_counted_by_its_reason():
    files = {
        f"{n}_{word}.png": png(n) for n, word in enumerate(["사과", "A", "", "칼", "총", "배", "배", "글자", "깨진"])
    }
    files["8_깨진.png"] = b"not a picture"
    files["arasaac_ko.json"] = js(
        [
            record(2, ""),
            record(3, "칼", violence=True),
            record(4, "총", sex=1, violence="true"),
            record(7, "글자", categories=["Alphabet korean"]),
        ]
    )
    cards, said = read(files)
    assert set(cards) == {"0_사과", "5_배"}
    assert sorted(said) == [
        "cards left out: flagged sex, violence: 1 left out, such as 4_총.png",
        "cards left out: flagged violence: 1 left out, such as 3_칼.png",
        "cards left out: its keyword is a single Latin letter: 1 left out, such as 1_A.png",
        "cards left out: its keyword is that of a card before it: 1 left out, such as 6_배.png",
        "cards left out: its picture cannot be used: 1 left out, such as 8_깨진.png: it is no picture that Pillow reads",
        "cards left out: of the excluded category alphabet: 1 left out, such as 7_글자.png",
        "cards left out: without a keyword: 1 left out, such as 2_.png",
    ]
    assert len(cards) + len(said) == 9
    everything, said = read(files, filter_cards=False)
    assert len(everything) == 8 and len(said) == 1
    assert [card.excluded for card in everything.values() if card.excluded] == [
        "flagged violence", "flagged sex, violence", "of the excluded category alphabet",
    ]  # fmt: skip


def test_what_no_record_speaks_of_is_counted_and_says_what_to_add():
    files = {"1_사과.png": png(1), "2_칼.png": png(2), "arasaac/blue.png": png(3), "20240131_120000.png": png(4)}
    cards, said = read(files | {"arasaac.json": js([record(1, "사과", sex="false")])}, unjudged=True)
    assert {card.keyword: (card.source, card.attribution[:7]) for card in cards.values()} == {
        "사과": ("arasaac", "The pic"), "칼": ("arasaac", "The pic"), "blue": ("arasaac", "The pic"),
        "120000": ("own", "author "),
    }  # fmt: skip
    told = {one.partition(":")[0]: one for one in said}
    assert "3 pictures have no record" in told["cards without a record"]
    assert "api/pictograms/all/ko" in told["cards without a record"] and "2_칼.png" in told["cards without a record"]
    assert "1 pictures are of nobody known" in told["unknown author"]


def test_pictures_that_nothing_reads_and_pictures_under_two_names_are_said():
    jpeg = encoded(photo(1, (16, 16)), "JPEG")
    files = {"1_물.jpg": jpeg, "IMG_1.jpg": jpeg, "a.webp": b"", "b.GIF": b"", "x/two.gif": b"", "2_공.png": jpeg}
    cards, said = read(files | {"x/a.obf": board([{"id": 1, "path": "two.gif"}])})
    assert {card.image.path for card in cards.values()} == {"1_물.jpg", "2_공.jpg"}
    told = {one.partition(":")[0]: one for one in said}
    assert "3 files are of no form that is read (1 .gif, 1 .jpg, 1 .webp): IMG_1.jpg" in told["files not read"]
    assert "1 cards have another card's picture under another name: 2_공 (as 1_물)" in told["same picture"]


def test_a_long_label_gives_an_id_that_a_file_can_have():
    cards, _ = read({"a.obf": board([{"id": n, "path": f"{n}.png"} for n in range(2)],
        [{"id": n, "label": "말" * 210 + str(n), "image_id": n} for n in range(2)]), "0.png": png(0), "1.png": png(1)})  # fmt: skip
    assert len(cards) == 2 and all(len(f"{id}.jpg".encode()) <= 255 for id in cards)


def test_a_category_is_left_out_with_those_under_it_and_no_others():
    words = {1: "food", 2: "Food fruit", 3: "foodstuff", 4: "drink"}
    files = {f"{n}_말{n}.png": png(n) for n in words}
    files["arasaac.json"] = js([record(n, "x", categories=[word]) for n, word in words.items()])
    cards, _ = read(files, exclude_categories=["food"])
    assert set(cards) == {"3_말3", "4_말4"}


def test_a_broken_card_does_not_take_the_keyword_of_a_good_one():
    cards, _ = read({"1_공.png": b"", "2_공.png": png(2)})
    assert set(cards) == {"2_공"}


# Forms


def test_names_of_arasaac_in_all_their_forms():
    files = {
        "2462_500.png": png(1),
        "12_물.png": png(2),
        "toWatchTv.png": png(3),
        "15.png": png(4),
        "x/9_i_am.png": png(5),
    }
    files["pictograms_ko.json"] = js([record(2462, "사과"), record(15, "빵"), record(12, "물")])
    cards, said = read(files)
    assert {id: card.keyword for id, card in cards.items()} == {
        "9_i am": "i am", "12_물": "물", "15_빵": "빵", "2462_사과": "사과", "to watch tv": "to watch tv",
    }  # fmt: skip
    assert [one.partition(":")[0] for one in said] == ["card without a number", "unknown author"]
    assert {id for id, card in cards.items() if card.source != "arasaac"} == {"to watch tv"}
    assert "Sergio Palao" in cards["12_물"].attribution and "BY-NC-SA" in cards["12_물"].attribution


def test_folders_of_such_names_make_no_tables_of_what_is_in_them():
    files = {f"my_{name}/1_물.png": png(1) for name in ("personas", "arasaac", "dataset_completed")}
    files |= {f"my_{name}/other.json": b"no JSON" for name in ("personas", "arasaac", "openmoji", "dataset_completed")}
    files |= {"my_symbol-info/other.csv": b"a,b\n1,2\n", "my_personas/arasaac_ko.json": js([record(1, "물")])}
    cards, said = read(files, filter_cards=False)
    assert set(cards) == {"1_물"} and len(said) == 1  # Its id is another card's, twice.
    listing = Listing.of(Held(files), sqlite3.connect(":memory:"))
    for step, missing in (("personas", r"no personas\*\.json"), ("completed", "no dataset_completed.json")):
        module = CORPUS.module(step)
        with pytest.raises(MmdataError, match=missing):
            list(getattr(module, "entries", getattr(module, "personas", None))(listing))


def test_a_record_that_names_its_author_and_licence_is_nobody_elses():
    cards, _ = read({"1_물.png": png(1), "arasaac.json": js([record(1, "물", author="나", license="CC0 1.0")])})
    assert (cards["1_물"].source, cards["1_물"].attribution) == ("own", "나, CC0 1.0")


def test_mulberrys_english_is_read_as_it_is_said_and_other_languages_win():
    lines = [
        "symbol-id,rated,symbol-en,category-en,symbol-ko",
        '3,0,"wash_hands_,_to",Verb,',
        "1,0,old_person_3,People,늙은 사람",
    ]
    lines += ["4,1,adult,People,어른", "5,0,gone,People,없음"]
    files = {
        "m/symbol-info.csv": "\n".join(lines).encode(),
        "m/EN/wash_hands_,_to.svg": SVG,
        "m/EN/old_person_3.svg": SVG,
    }
    cards, said = read(files | {"m/EN/adult.svg": SVG, "m/EN/spare.svg": SVG})
    assert {id: (c.keyword, c.keywords) for id, c in cards.items()} == {
        "1_늙은 사람": ("늙은 사람", ["old person"]), "3_to wash hands": ("to wash hands", []),
    }  # fmt: skip
    assert "drawing without a record: 1 drawings are named by no table, left out: m/EN/spare.svg" in said
    assert any("flagged rated" in one for one in said) and any("a drawing that is not there" in one for one in said)


def test_openmoji_official_and_by_lines():
    files = {"color/svg/1F34E.svg": SVG, "black/svg/1F34E.svg": SVG, "o/svg/1F402.svg": SVG}
    files["openmoji.json"] = js(
        [{"hexcode": "1F34E", "annotation": "red apple", "group": "food-drink", "tags": "apple, red"}]
    )
    files["o/metadata.jsonl"] = js({"hexcode": "1F402", "svg": "svg/1F402.svg", "label_en": "ox", "label_ko": "소"})
    cards, said = read(files)
    assert {id: card.place for id, card in cards.items()} == {
        "1F34E_red apple": "color/svg/1F34E.svg", "1F402_소": "o/svg/1F402.svg",
    }  # fmt: skip
    assert cards["1F34E_red apple"].tags == ["apple", "red"]
    assert [one.partition(":")[0] for one in said if "black" not in one] == ["same picture"]


def test_boards_give_their_pictures_whatever_way_they_name_them():
    inline = f"data:image/png;base64,{base64.b64encode(png(1)).decode()}"
    images = [
        {"id": 1, "data": inline, "license": {"type": "CC BY", "author_name": "Kim"}},
        {"id": "2", "path": "../images/two.png"},
        {"id": 3, "data": "data:image/svg+xml;utf8," + SVG.decode().replace("#", "%23")},
        {"id": 4, "url": "http://example.org/a.png"},
        {"id": 5, "path": "../../../etc/passwd"},
        {"id": 6, "data": "data:image/png;base64,%%%"},
    ]
    jpeg = encoded(photo(7, (16, 16)), "JPEG")
    images += [{"id": 7, "data": f"data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"}]
    cards, said = read({"boards/a.obf": board(images), "images/two.png": png(2)})
    photographed = cards.pop("b-6_말6")
    assert (photographed.image.path, photographed.image.bytes) == ("b-6_말6.jpg", jpeg)
    assert {id: (c.keyword, c.attribution) for id, c in cards.items()} == {
        "b-0_말0": ("말0", "Kim, CC BY"),
        "b-1_말1": ("말1", "author and licence are not stated in the board"),
        "b-2_말2": ("말2", "author and licence are not stated in the board"),
    }
    assert {card.source for card in cards.values()} == {"obf"}
    assert cards["b-1_말1"].image.bytes == png(2)
    assert len(said) == 3
    assert all(any(word in one for one in said) for word in ("its address", "not where its path says", "base64"))


def test_a_package_is_read_without_unpacking_and_no_path_leads_out_of_it(tmp_path):
    outside = tmp_path / "outside.png"
    outside.write_bytes(png(9))
    images = [
        {"id": 1, "path": "images/a.png"},
        {"id": 2, "path": str(outside)},
        {"id": 3, "path": "../../outside.png"},
    ]
    inside = packed(
        {"manifest.json": js({"paths": {"boards": {"b": "b.obf"}}}), "b.obf": board(images), "images/a.png": png(1),
         "../../outside.png": png(3), "unused.obf": b"{"}
    )  # fmt: skip
    cards, said = read({"p.obz": inside})
    assert set(cards) == {
        "b-0_말0",
        "b-2_말2",
    }  # The third names a member of that name, which is read and never written.
    assert cards["b-2_말2"].image.bytes == png(3)
    assert len(said) == 1 and "not where its path says" in said[0]
    assert outside.read_bytes() == png(9)


# Real ones


@pytest.mark.skipif(not REAL.is_dir(), reason="the real symbols lie beside the project where its CI runs")
def test_the_real_symbols_become_cards(tmp_path):
    first = CORPUS.builder.BUILDER_CONFIGS[0]
    options = {name: getattr(first, name) for name in CARDS.options} | {"symbol_size": 64}
    listing = Listing.of(open_source(REAL), sqlite3.connect(":memory:"))
    made = list(CARDS(listing, **options))
    cards = [one for one in made if hasattr(one, "keyword")]
    assert Counter(card.source for card in cards) == {"arasaac": 35, "mulberry": 107, "openmoji": 70, "obf": 2}
    words = [card.keyword for card in cards]
    assert len(set(words)) == len(words) and all(words)
    assert not any("alphabet" in " ".join(card.categories).casefold() for card in cards)
    assert {card.attribution for card in cards if card.source == "obf"} == {
        "author and licence are not stated in the board"
    }
    for card in cards:  # Nothing is black that was nothing.
        seen = np.asarray(opened(card).convert("RGB"))
        assert (seen[0, 0] > 200).all() or card.source == "obf", card.id
    left = sum(one.count for one in made if not hasattr(one, "keyword") and one.check == "cards left out")
    assert left == 11
