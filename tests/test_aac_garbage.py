"""aac: broken and hostile sources cost their own cards, and no more."""

import io

import pytest
from aac_files import CORPUS
from aac_symbols import NS, SVG, board, js, packed, png, read, record
from kit import encoded, photo
from PIL import Image

from mmdata import MmdataError

DRAWING = CORPUS.module("drawing")


def test_packages_that_unpack_without_end_are_left(monkeypatch):
    boards = CORPUS.module("boards")
    monkeypatch.setattr(boards, "LARGEST_PICTURE", 1 << 20)
    monkeypatch.setattr(boards, "MOST_UNPACKED", 3 << 20)
    zeros = bytes(8 << 20)
    bomb = packed(
        {"b.obf": board([{"id": n, "path": f"{n}.png"} for n in range(3)]), **{f"{n}.png": zeros for n in range(3)}}
    )
    assert len(bomb) < 100_000
    cards, said = read({"bomb.obz": bomb})
    assert cards == {} and "unpacks to more than" in said[0]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff\xfe", b'{"format": "open-board-0.1", "buttons": 3, "images": [1, null]}', b"[" * 200_000],
)
def test_a_board_that_is_none_is_said(content):
    cards, said = read({"a.obf": content, "b.obz": packed({"x.obf": content}), "c.obz": content, "1_물.png": png(1)})
    assert set(cards) == {"1_물"}
    (told,) = said
    assert told.startswith(f"board: {1 if b'format' in content else 3} boards cannot be read: ")


def test_broken_records_stop_the_build_for_they_hold_the_flags():
    for content, why in ((b"[{", "no JSON"), (js([record(1, "a"), {"id": 3}]), "record 1 has no number `_id`")):
        with pytest.raises(MmdataError, match=f"arasaac.json: {why}"):
            read({"1_물.png": png(1), "arasaac.json": content})
    _, said = read({"1_물.png": png(1), "arasaac.json": js({"a": 1})})
    assert said[0].startswith("records: 1 JSON files are named as ARASAAC's records and hold none")
    with pytest.raises(MmdataError, match=r"symbol-info\.csv: a line of it needs symbol-id"):
        read({"symbol-info.csv": b"a,b\n1,2\n"})


HOSTILE = {
    "a file": (f'<svg {NS} width="9" height="9"><image href="/etc/hostname" width="9" height="9"/></svg>', "<image>"),
    "another SVG": (f'<svg {NS} width="9" height="9"><use xlink:href="other.svg#a"/></svg>', "points out of the file"),
    "a hidden href": (f'<svg {NS} xmlns:q="http://www.w3.org/1999/xlink"><use q:href="file:///x"/></svg>', "points out"),
    "an entity": (f'<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]><svg {NS}><text>&a;</text></svg>', "entity"),
    "laughs": (f'<!DOCTYPE svg [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><svg {NS}><text>&b;</text></svg>', "entity"),
    "other letters": (f'<?xml version="1.0" encoding="utf-16"?><svg {NS} width="9" height="9"/>', ""),
    "depth": (f'<svg {NS} width="9" height="9">{"<g>" * 500}{"</g>" * 500}</svg>', "deep"),
    "no XML": ("<svg><rect></svg>", "no XML"),
    "HTML": ("<html><svg/></html>", "not <svg>"),
    "size": (f"<svg {NS}><!--{'x' * (2 << 20)}--></svg>", "more than 2,097,152"),
    "memory": (
        f'<svg {NS} width="9" height="9"><pattern id="p" width="1e6" height="1e6" patternUnits="userSpaceOnUse">'
        '<rect width="9" height="9"/></pattern><rect width="9" height="9" fill="url(#p)"/></svg>',
        "breaks down",
    ),
    "time": (
        f'<svg {NS} width="9" height="9"><filter id="f"><feTurbulence numOctaves="99999999"/></filter>'
        '<rect width="9" height="9" filter="url(#f)"/></svg>',
        "over 1 seconds",
    ),
    "copies": (
        f'<svg {NS} width="9" height="9"><defs><g id="a0"><rect width="1" height="1"/></g>'
        + "".join(f'<g id="a{n + 1}">' + f'<use xlink:href="#a{n}"/>' * 10 + "</g>" for n in range(7))
        + '</defs><use xlink:href="#a7"/></svg>',
        "renderer says",
    ),
    "nothing": (f'<svg {NS} width="0" height="0"/>', "invalid size"),
}  # fmt: skip


def test_a_hostile_drawing_stops_itself_and_no_other(monkeypatch):
    with DRAWING.Drawer(32) as drawer:
        for name, (svg, why) in HOSTILE.items():
            # A busy machine takes its seconds for what ends by itself.
            monkeypatch.setattr(DRAWING, "SECONDS", 1 if name == "time" else 60)
            if why:
                with pytest.raises(DRAWING.Undrawable, match=why):
                    drawer.png(svg.encode())
            monkeypatch.setattr(DRAWING, "SECONDS", 60)
            assert Image.open(io.BytesIO(drawer.png(SVG))).size == (32, 16), name
        # As large as it says it is, it would take 40 GB; it is drawn as large as is wanted.
        giant = f'<svg {NS} width="100000" height="100000"><rect width="100000" height="50000"/></svg>'
        assert Image.open(io.BytesIO(drawer.png(giant.encode()))).size == (32, 32)


def test_pictures_that_are_none_too_large_or_moving_are_left_out():
    frames = [photo(n, (8, 8)) for n in range(3)]
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:])
    giant = encoded(Image.new("1", (5000, 5000)))
    cards, said = read(
        {"1_움직임.png": out.getvalue(), "2_크다.png": giant, "3_잘림.png": png(3)[:60], "4_물.png": png(4)}
    )
    assert set(cards) == {"4_물"}
    assert len(said) == 1 and "3 left out" in said[0]
