"""aac: texts that come with the source are joined to the combinations that they are for, and to no others."""

import json
import re
import sqlite3

import pytest
from aac_files import CORPUS, rows_of
from characters import Held, lines
from hypothesis import given
from hypothesis import strategies as st
from kit import said

import mmdata
from mmdata import Listing, MmdataError

INTERPRETED = CORPUS.module("interpreted")
CONTEXT = {"time": "아침", "place": "집", "interaction_partner": "엄마", "current_activity": "간식"}
TEXTS = ["첫째.", "둘째.", "셋째."]


def line(cards, persona="1", **more) -> dict:
    return {"persona_id": persona, "card_ids": list(cards), "context": CONTEXT, "output": TEXTS} | more


def read(*records, laid=(("1", ("1_물", "2_공")), ("2", ("1_물",)))):
    listing = Listing.of(Held({"글/interpreted_2.jsonl": lines(*records)}), sqlite3.connect(":memory:"))
    texts, findings = INTERPRETED.interpreted(listing, set(laid))
    return texts, [f"{one.check}: {one.message}" for one in findings]


def test_a_line_is_for_its_person_and_cards_in_order():
    texts, found = read(
        line(["1_물"], persona=2, output=None),
        line(["1_물.png", "2_공"], context=None, id="another/0009", keywords=["물"]),
    )
    assert found == []
    assert texts == {
        ("2", ("1_물",)): {"context": CONTEXT, "output": None},
        ("1", ("1_물", "2_공")): {"context": None, "output": TEXTS},
    }


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (line(["2_공", "1_물"]), "text unknown: 1 texts are for cards that nobody laid so, .*line 2: 2_공, 1_물 of persona 1"),
        (line(["1_물"], persona="3"), "text unknown: .*line 2: 1_물 of persona 3"),
        (line(["1_물", "2_공"], output=["다른 글."] * 3), "text twice: .*line 2: 1_물, 2_공 of persona 1, as .*line 1"),
        (line(["1_물"], persona="2", output=TEXTS[:2]), "output: 1 outputs are not three texts; .*line 2: 2, not 3"),
        (line(["1_물"], persona="2", output=["처리 오류", "", ""]), "output: .*line 2: the original failed"),
        (b"{", "text unread: 1 lines .*line 2: no JSON"),
        (b"[1]", r"text unread: .*line 2: \[1\] is no object with persona_id"),
        (b'{"persona_id": "\\ud800", "card_ids": []}', "text unread: .*line 2: no JSON"),
        (b"[" * 99_999, "text unread: .*line 2: "),
        (line(["1_물"], persona=True), "text unread: .*line 2: persona_id: .* not True"),
        (line("1_물"[:0]) | {"card_ids": "1_물"}, "text unread: .*line 2: card_ids: .* not '1_물'"),
        (line(["1_물"]) | {"ouput": TEXTS}, "text unread: .*line 2: it has ouput; read are persona_id, card_ids"),
        (line(["1_물"], context={"mood": "신남"}), "text unread: .*line 2: its context has mood; known are time"),
        (line(["1_물"], context={"time": 3}), "text unread: .*line 2: time: .* not 3"),
        (line(["1_물"], context="집에서"), "text unread: .*line 2: context: .* not '집에서'"),
        (line(["1_물"], context=CONTEXT | {"time": "error"}), "text unread: .*line 2: its context holds an error"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named_and_costs_nothing_but_itself(wrong, told):
    texts, (found,) = read(line(["1_물", "2_공"]), wrong)
    assert texts[("1", ("1_물", "2_공"))] == {"context": CONTEXT, "output": TEXTS}
    assert all(one["output"] is None for key, one in texts.items() if key[0] != "1")
    assert re.search(told, found), found


@given(st.lists(st.tuples(st.sampled_from("123"), st.permutations(["1_물", "2_공"])), max_size=9), st.randoms())
def test_the_order_of_lines_is_nothing_where_none_is_twice(keys, random):
    made = [line(cards, persona) for persona, cards in dict.fromkeys((p, tuple(c)) for p, c in keys)]
    laid = {("1", ("1_물", "2_공")), ("2", ("2_공", "1_물"))}
    first, _ = read(*made, laid=laid)
    random.shuffle(made)
    assert read(*made, laid=laid)[0] == first
    assert first.keys() == laid & {(p, tuple(c)) for p, c in keys}


def test_a_file_that_is_not_utf_8_stops_the_build():
    listing = Listing.of(Held({"interpreted.jsonl": "물".encode("cp949")}), sqlite3.connect(":memory:"))
    with pytest.raises(MmdataError, match=r"interpreted\.jsonl: not UTF-8 at byte 0; save it as UTF-8"):
        INTERPRETED.interpreted(listing, set())


def test_rows_have_their_texts_wherever_the_draw_puts_them(tmp_path):
    folder = mmdata.new("aac", tmp_path / "내 말뭉치", like="aac")
    path = folder / "tiny/interpreted.jsonl"
    first, *others = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    path.write_bytes(lines(*others[::-1], first | {"card_ids": ["16_칼"]}))
    people = folder / "tiny/personas.json"
    people.write_text(people.read_text(encoding="utf-8").replace('"items": 5', '"items": 3'), encoding="utf-8")
    build = mmdata.build(folder, folder / "tiny", workers=1)
    rows = rows_of(folder).values()
    written = {(one["persona_id"], *one["card_ids"]): one for one in others}
    for row in rows:
        one = written.get((row["persona_id"], *row["card_ids"]), {"context": None, "output": None})
        assert (row["context"], row["output"]) == (one["context"], one["output"])
    found = sum(row["output"] is not None for row in rows)
    assert 0 < found < len(rows) == 12
    assert f"{20 - found} texts are for cards that nobody laid so" in said(build, "text unknown")
    assert said(build, "files not read") == ""
