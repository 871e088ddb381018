"""A step that needs a model's answers about an earlier step's table: it waits for them, and takes what holds."""

import base64
import json
import shutil
import sqlite3
from hashlib import sha256
from typing import Annotated

import pytest
from datasets import Image, List, load_dataset
from game import ASKING, MAKING, PROMPT, made, owners, ran
from openai_server import Act, completion, serving

import mmdata
from mmdata.checks import check_rows
from mmdata.errors import BuildError, CorpusError
from mmdata.schemas import Id, Label, Record


@pytest.fixture
def game(tmp_path, monkeypatch):
    monkeypatch.setenv("STEPS_RAN", str(tmp_path / "ran"))
    return made(tmp_path)


@pytest.fixture
def asking(game):
    (game[0] / "making.py").write_text(MAKING + ASKING)
    (game[0] / "prompts").mkdir(exist_ok=True)
    (game[0] / "prompts/names.yaml").write_text(PROMPT)
    return game


def test_a_step_waits_for_answers_and_takes_them(asking, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    folder = asking[0]
    with pytest.raises(
        BuildError, match=r"needs the answers to prompt names: 3 of 3 decks were never asked about\. Run `mm"
    ):
        mmdata.build(*asking)
    assert ran(asking) == ["cards", "decks", "owners"]
    with serving() as server:
        server.behave = lambda row, call: Act(body=completion("a b" if "카드0" in row else "b"))
        url = f"http://127.0.0.1:{server.port}/v1"
        done = mmdata.annotate(folder, "names", base_url=url)
        assert done.states == {"ok": 3} and done.version == "step decks"
        built = mmdata.build(*asking)
        assert ran(asking) == ["hands 가", "hands 나", "hands 다"]
        assert mmdata.annotate(folder, "names", base_url=url).calls == 0
        owners(asking[1], 가="a", 나="b", 다="b")
        mmdata.build(*asking)
        assert ran(asking) == ["hands 다", "owners"] and mmdata.annotate(folder, "names", base_url=url).calls == 0
    [note] = [one for step in built.manifest.steps for one in step.asked]
    assert (note.column, note.model, note.rows) == ("names", "gpt-4o-mini", 3) and note.prompt["over"] == "decks"
    report = mmdata.check(folder)
    assert report.answers == {"names": {"ok": 3}}
    assert all(fault.split in {"", "decks"} for fault in report.faults if fault.prompt == "names")
    with pytest.raises(CorpusError, match="asked over the step decks, so its answers are no column"):
        mmdata.release(folder, prompts=["names"])
    mmdata.run_steps(*asking, ["decks"], options={"size": 3})
    assert mmdata.check(folder).answers == {"names": {"ok": 3}}, "of the decks that the release was made of"
    shutil.rmtree(folder / ".steps")
    assert mmdata.check(folder).answers == {"names": {}}


def test_an_edited_answer_runs_the_step_again_and_a_refused_one_is_said(asking, monkeypatch):
    from mmdata.verbs.fix import set_answer

    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    with pytest.raises(BuildError):
        mmdata.build(*asking)
    with serving() as server:
        server.behave = lambda row, call: Act(body=completion("b")) if "카드0" in row else Act(body=completion(""))
        mmdata.annotate(asking[0], "names", base_url=f"http://127.0.0.1:{server.port}/v1")
    done = mmdata.build(*asking)
    [lost] = [f for f in done.findings if f.check == "no answer"]
    assert lost.message.startswith("2 of 3 decks have no good answer to names (2 empty), such as 1")
    ran(asking)
    set_answer(asking[0], "names", "0", "a")
    mmdata.build(*asking)
    assert ran(asking) == ["hands 가", "hands 나", "hands 다"]


SEEN = """
id: seen
model: gpt-4o-mini
image: cards
fields: [owner]
user: "What does ⟦{{ owner }}⟧ hold?"
"""


THEN = """
id: then
model: gpt-4o-mini
image: null
fields: [seen]
user: "And then? ⟦{{ seen }}⟧"
"""


def test_all_pictures_of_a_list_are_sent_checked_and_shown(game, monkeypatch, tmp_path):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    folder = game[0]
    mmdata.build(*game)
    (folder / "prompts").mkdir()
    (folder / "prompts/seen.yaml").write_text(SEEN)
    with serving() as server:
        done = mmdata.annotate(folder, "seen", base_url=f"http://127.0.0.1:{server.port}/v1", concurrency=1)
        bodies = [json.loads(body.partition(b"\r\n\r\n")[2]) for body in server.bodies]
    assert done.states == {"ok": 6}
    rows = load_dataset(str(folder), split="train")
    assert {tuple(sha256(p["bytes"]).digest() for p in row["cards"]) for row in rows.cast(undecoded(rows))} <= {
        tuple(sha256(base64.b64decode(part["image_url"]["url"].partition(",")[2])).digest() for part in pictures)
        for body in bodies
        for _, *pictures in [body["messages"][-1]["content"]]
    }, "every picture of a row, in its order"
    report = mmdata.check(folder, html=tmp_path / "보고서.html")
    [judged] = [check.judged for check in report.checks if check.name == "tiny"]
    assert judged == 12 and not [fault for fault in report.faults if fault.level == "error"]
    assert mmdata.release(folder).manifest.annotations[0].rows == 6


def test_a_row_without_the_answer_that_is_asked_about_waits(game, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    folder = game[0]
    mmdata.build(*game)
    (folder / "prompts").mkdir()
    (folder / "prompts/seen.yaml").write_text(SEEN)
    (folder / "prompts/then.yaml").write_text(THEN)
    with serving() as server:
        server.behave = lambda row, call: Act(body=completion("" if row == "나" else f"{row} 보임"))
        url = f"http://127.0.0.1:{server.port}/v1"
        with pytest.raises(
            CorpusError, match=r"asks about the answers to seen, which no row of the newest release has yet"
        ):
            mmdata.annotate(folder, "then", base_url=url)
        mmdata.annotate(folder, "seen", base_url=url)
        assert mmdata.check(folder).answers["then"] == {"missing": 6}
        mmdata.release(folder)
        done = mmdata.annotate(folder, "then", base_url=url)
        (folder / "prompts/then.yaml").write_text(THEN.replace("[seen]", "[seen, owner]\nneeds: [[seen, owner]]"))
        either = mmdata.annotate(folder, "then", base_url=url, estimate=True)
        (folder / "prompts/then.yaml").write_text(THEN)
    assert done.states == {"ok": 4, "waiting": 2}
    assert either.states == {"ok": 4, "waiting": 2} and either.estimate.calls == 1, "these wait to be asked"
    assert [note.column for note in mmdata.release(folder).manifest.annotations] == ["seen", "then"]
    owners(game[1], 가="a", 나="b", 다="", 라="a")
    assert mmdata.build(*game).manifest.annotations == []
    again = mmdata.release(folder)
    assert [(note.column, note.rows) for note in again.manifest.annotations] == [("seen", 4), ("then", 4)]


def undecoded(rows):
    features = rows.features.copy()
    features["cards"] = List(Image(decode=False))
    return features


def test_a_season_is_no_contradiction(tmp_path):
    """One picture in several rows, each of another class that is not of the picture alone."""
    db = sqlite3.connect(":memory:")
    db.executescript(
        """CREATE TABLE accepted (seq, split, place); CREATE TABLE facts (seq, kind, field, value);
        INSERT INTO accepted VALUES (1, 'train', 'a'), (2, 'train', 'b');
        INSERT INTO facts VALUES (1, 'bytes', 'image', 'x'), (2, 'bytes', 'image', 'x'),
                                 (1, 'label', 'season', '봄'), (2, 'label', 'season', '가을')"""
    )

    class Once(Record):
        id: Annotated[str, Id()]
        season: Annotated[str, Label()]

    class Several(Record):
        id: Annotated[str, Id()]
        season: Annotated[str, Label(several=True)]

    found = [[f.check for f in check_rows(db, schema, {"season": ["봄", "가을"]})] for schema in (Once, Several)]
    assert found == [["two labels"], []]
