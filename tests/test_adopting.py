"""Published answers put back into a store: nothing is asked twice, and a release of them is the same release."""

import datetime
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Literal

import polars as pl
import pytest
from annotating import look
from answering import answer, finding, newest
from hypothesis import given, settings
from hypothesis import strategies as st

import mmdata
import mmdata.schemas
from mmdata.annotation.adopting import adopt, published
from mmdata.annotation.columns import Column, text_of
from mmdata.annotation.joined import as_asked
from mmdata.annotation.prompt import Prompt, read_prompt
from mmdata.annotation.questions import key_of
from mmdata.annotation.store import Answer, Store, path_of, writing
from mmdata.corpus import HOME, Corpus
from mmdata.errors import AnnotationError
from mmdata.features import features_of
from mmdata.schemas import Label, Part

SOURCE = "our-team/skin v1.1.0"


class Spot(Part):
    at: str
    cls: Annotated[str, Label("label")] | None
    seen: datetime.datetime | None


class Found(Part):
    """Every kind of field that an answer can have."""

    label: Annotated[str, Label()]
    views: list[Annotated[str, Label("view")]]
    sure: float | None
    count: int
    kind: Literal["붉음", "하양"]
    when: datetime.date | None
    raw: bytes
    spots: list[Spot] | None
    main: Spot | None


@pytest.fixture
def found(monkeypatch):
    monkeypatch.setattr(mmdata.schemas, "Found", Found, raising=False)


PROMPT = "id: found\nmodel: m\nfields: [label, id]\nuser: '{{ id }} {{ label }}?'\nresponse: Found\n"


def fresh(folder: Path) -> Path:
    """The corpus as if it had just come from elsewhere: its store is gone."""
    for file in folder.glob("annotations.sqlite*"):
        file.unlink()
    return folder


def adopted(folder: Path, **changed) -> dict[str, int]:
    release = newest(folder)
    notes = [note.model_copy(update=changed) for note in release.manifest.annotations]
    with writing(folder) as store:
        return adopt(store, release, notes, SOURCE)


def objects(row) -> str | None:
    if row.number % 4 == 0:
        return None
    spot = {"at": "이마", "cls": "건선증" if row.number % 2 else None, "seen": "2026-01-02T03:04:05+09:00"}
    return json.dumps(
        {"spots": [spot, spot] if row.number % 3 else None, "label": row.values["label"], "views": ["정면", "측면"][: row.number % 3],
         "sure": None if row.number % 5 else 1, "count": row.number, "kind": "하양", "when": "2026-05-06", "raw": "흙",
         "main": spot if row.number % 2 else None},
    )  # fmt: skip


def test_a_release_of_adopted_answers_is_the_same_release(built_skin, found):
    """Text and objects, whatever their spelling was; and nothing is left to ask."""
    (built_skin / "prompts/found.yaml").write_text(PROMPT, encoding="utf-8")
    answer(built_skin, value=lambda row: finding(row) if row.number % 3 else None)
    (built_skin / "prompts/word.yaml").write_text(
        "id: word\nmodel: m\nimage: null\nfields: [label]\nuser: '{{ label }}?'\n"
    )
    answer(built_skin, "found", objects)
    answer(built_skin, "word", lambda row: row.values["label"])
    made = mmdata.release(built_skin).manifest
    assert [(note.column, note.rows) for note in made.annotations] == [("describe", 24), ("found", 27), ("word", 36)]

    assert adopted(fresh(built_skin)) == {"describe": 24, "found": 27, "word": 6}
    assert adopted(built_skin) == {"describe": 0, "found": 0, "word": 0}
    again = mmdata.release(built_skin)
    assert (again.version, again.created) == ("1.1.0", False)

    shutil.rmtree(built_skin / "data/1.1.0")
    anew = mmdata.release(built_skin).manifest
    assert anew.files == made.files
    told = {"made_by", "first", "last", "cost"}
    assert [n.model_dump(exclude=told) for n in anew.annotations] == [
        n.model_dump(exclude=told) for n in made.annotations
    ]
    assert [note.made_by for note in anew.annotations] == [{"published": 24}, {"published": 27}, {"published": 36}]
    for before, after in zip(made.annotations, anew.annotations, strict=True):
        assert (after.first, after.last) == (before.first, before.last)  # When the model was asked, not when adopted.
        assert after.cost == pytest.approx(before.cost)


def test_annotate_has_nothing_to_ask_and_check_judges_the_answers(built_skin):
    answer(built_skin, value=lambda row: finding(row) + (" erythema" if row.split == "test" else ""))
    mmdata.release(built_skin)
    checked = mmdata.check(built_skin, pictures=False)
    adopted(fresh(built_skin))
    done = mmdata.annotate(built_skin, "describe", estimate=True)
    assert (done.estimate.calls, done.before.reused, done.states) == (0, 36, {"ok": 36})
    again = mmdata.check(built_skin, pictures=False)
    assert again.answers == checked.answers == {"describe": {"ok": 36}, "describe_blind": {"missing": 36}}
    assert again.checks == checked.checks and sum(c.found for c in again.checks if c.name == "foreign words") >= 12
    fixes = mmdata.fix(built_skin, "describe")
    assert fixes.answers == len({key for (key,) in look(built_skin, "SELECT key FROM answers")})


def test_the_store_says_where_an_answer_comes_from(built_skin):
    answer(built_skin)
    [note] = mmdata.release(built_skin).manifest.annotations
    adopted(fresh(built_skin))
    assert set(look(built_skin, "SELECT made_by, status, model, edits, cost FROM answers")) == {
        ("published", "ok", "gpt-4o-mini", None, None)
    }
    [(raw,)] = look(built_skin, "SELECT DISTINCT raw FROM answers")
    assert json.loads(raw) == {"source": SOURCE, "note": note.model_dump(mode="json", exclude={"prompt"})}


def test_own_answers_stay_and_so_do_those_that_were_discarded(built_skin):
    answer(built_skin, value=lambda row: f"published {row.number}")
    mmdata.release(built_skin)
    fresh(built_skin)
    keys = {"ok": [], "discarded": [], "refused": []}
    release = newest(built_skin)
    asked = read_prompt(built_skin, "describe", release.kinds)
    every = list(dict.fromkeys(key_of(asked, row)[0] for row in release.rows(asked.fields)))
    with writing(built_skin) as store:
        for n, (status, mine) in enumerate(keys.items()):
            mine.append(every[n])
            store.add("describe", asked.sha256, "m", [Answer(every[n], "x", status, value="mine" if n == 0 else None)])
    assert adopted(built_skin) == {"describe": len(every) - 2}
    with Store(path_of(built_skin), readonly=True) as store:
        held = {status: store.held(key) for status, [key] in keys.items()}
    assert (held["ok"].value, held["ok"].made_by) == ("mine", "model")
    assert held["discarded"].status == "discarded"
    assert (held["refused"].status, held["refused"].made_by) == ("ok", "published")


def test_answers_asked_with_smaller_pictures_are_found_again(built_skin):
    """`--max-side` is in no prompt file: the store says what the answers were asked with."""
    release = newest(built_skin)
    asked = read_prompt(built_skin, "describe", release.kinds).changed(max_side=64)
    with writing(built_skin) as store:
        store.keep_prompt(asked.sha256, asked.id, asked.model_dump_json())
        rows = {
            key_of(asked, row)[0]: Answer(key_of(asked, row)[0], row.id, "ok", value="글")
            for row in release.rows(asked.fields)
        }
        store.add("describe", asked.sha256, asked.model, rows.values())
    made = mmdata.release(built_skin)
    adopted(fresh(built_skin))
    with Store(path_of(built_skin), readonly=True) as store:
        assert as_asked(read_prompt(built_skin, "describe", release.kinds), store) == asked
        assert store.prompts() == ["describe"]
    assert not mmdata.release(built_skin).created and made.created


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"prompt": {}}, r"our-team/skin v1\.1\.0: the answers in column describe cannot be put into a store: .*before mmdata kept"),
        ({"prompt_sha256": "00"}, r"column describe .*has the sha256 [0-9a-f]{64}, the answers are to 00"),
        ({"prompt": {"id": "describe", "model": "m", "user": "?", "voice": "alto"}}, "column describe .*cannot be read: voice"),
        ({"column": "other"}, "column other .*its prompt is 'describe', not 'other'"),
    ],
)  # fmt: skip
def test_a_column_whose_question_is_not_known_is_named_and_nothing_is_written(built_skin, changed, said):
    answer(built_skin)
    mmdata.release(built_skin)
    with pytest.raises(AnnotationError, match=said):
        adopted(fresh(built_skin), **changed)
    assert look(built_skin, "SELECT * FROM answers") == look(built_skin, "SELECT * FROM prompts") == []


def test_objects_of_a_class_that_is_not_here_or_is_another_are_refused(built_skin, found, monkeypatch):
    (built_skin / "prompts/found.yaml").write_text(PROMPT, encoding="utf-8")
    answer(built_skin, "found", objects)
    [note] = mmdata.release(built_skin).manifest.annotations
    fresh(built_skin)
    monkeypatch.setattr(mmdata.schemas, "Found", Spot)
    with pytest.raises(AnnotationError, match=r"row train/.*: its answer to found does not fit Found here: "):
        adopted(built_skin)
    monkeypatch.delattr(mmdata.schemas, "Found")
    with pytest.raises(AnnotationError, match=r"objects of Found, which mmdata\.schemas does not have here"):
        published(note, SOURCE)


LABELS = Corpus(HOME / "skin").labels
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SAID = {
    name: st.sampled_from([said for cls, entry in found.classes.items() for said in (cls, *entry.aliases)])
    for name, found in LABELS.items()
}
MOMENTS = st.datetimes(
    datetime.datetime(2, 1, 1), datetime.datetime(9999, 1, 1),
    timezones=st.sampled_from([None, datetime.UTC, datetime.timezone(datetime.timedelta(hours=9))]),
)  # fmt: skip
SPOTS = st.builds(Spot, at=TEXTS, cls=st.none() | SAID["label"], seen=st.none() | MOMENTS)
FOUND = st.builds(
    Found, label=SAID["label"], views=st.lists(SAID["view"]), sure=st.none() | st.floats(allow_nan=False),
    count=st.integers(-(2**63), 2**63 - 1), when=st.none() | st.dates(), raw=TEXTS.map(str.encode),
    spots=st.none() | st.lists(SPOTS, max_size=3), main=st.none() | SPOTS,
)  # fmt: skip


def column(texts: list[str | None], path: Path) -> Column:
    pl.DataFrame({"id": ["row"] * len(texts), "value": texts}).cast(pl.String).write_ipc(
        path, compat_level=pl.CompatLevel.oldest()
    )
    prompt = Prompt(id="found", model="m", user="?", response="Found")
    return Column(prompt, dict(features_of(Found, LABELS)), None, path, LABELS)


@settings(max_examples=60)
@given(st.lists(st.none() | FOUND, min_size=1, max_size=4))
def test_an_object_read_from_a_column_gives_that_column_again(objects):
    with pytest.MonkeyPatch.context() as patch, TemporaryDirectory() as folder:
        patch.setattr(mmdata.schemas, "Found", Found, raising=False)
        first = column([one and one.model_dump_json() for one in objects], Path(folder) / "first")
        held = first.part(0, len(objects))
        texts = [text_of(value, first.feature) for value in held.to_pylist()]
        assert [text is None for text in texts] == [one is None for one in objects]
        again = column(texts, Path(folder) / "again")
        assert again.part(0, len(objects)).equals(held) and again.digest() == first.digest()
        fewer = column([*texts[:-1], None], Path(folder) / "fewer")
        assert (fewer.digest() == first.digest()) == (texts[-1] is None)
