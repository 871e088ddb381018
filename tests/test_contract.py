"""What every corpus must do, shipped or scaffolded. A corpus needs no test of its own to get these."""

import json
import re

import datasets
import pytest
import yaml

import mmdata
from mmdata.annotation.asked import rows_for
from mmdata.annotation.prompt import awaited_by, parse_prompt, prompts_in, require_columns
from mmdata.corpus import HOME, Corpus, corpora_in
from mmdata.hub.card import own_prose
from mmdata.hub.croissant import croissant_of
from mmdata.hub.licence import licence_of
from mmdata.progress import Silent
from mmdata.reading import Release
from mmdata.releases import POINTER
from mmdata.schemas import Group, Id, Image, Label
from mmdata.terms import read_terms

CARD_KEYS = {"pretty_name", "license", "may_redistribute", "language", "task_categories", "configs"}


@pytest.fixture(scope="module", params=[*(f.name for f in corpora_in(HOME)), "a_scaffold"])
def built(request, tmp_path_factory):
    """A corpus in a folder of its own, built from its tiny source."""
    under = tmp_path_factory.mktemp("새 폴더")
    shipped = request.param if request.param != "a_scaffold" else None
    folder = mmdata.new(request.param, under, like=shipped)
    return Corpus(folder), mmdata.build(folder, folder / "tiny")


def undecoded(rows, corpus: Corpus):
    """The rows with the bytes of their pictures, which may stand in lists."""
    for field in corpus.schema.marked(Image):
        kind = datasets.Image(decode=False)
        rows = rows.cast_column(field, datasets.List(kind) if isinstance(rows.features[field], datasets.List) else kind)
    return rows


def rows_of(corpus: Corpus, config: str | None = None) -> dict[str, list[dict]]:
    loaded = datasets.load_dataset(str(corpus.folder), config)
    return {split: list(undecoded(rows, corpus)) for split, rows in loaded.items()}


def test_every_item_of_the_tiny_source_becomes_a_row(built):
    corpus, build = built
    builder = corpus.builder(data_dir=corpus.folder / "tiny", cache_dir=str(corpus.folder.parent / "cache"))
    with builder._tables():
        items = [i for i in builder.items(builder._listing) if isinstance(i, mmdata.Item)]
    assert sum(build.manifest.splits.values()) == len(items) > 0
    assert build.manifest.rejected == {}


def test_the_release_loads_with_its_version_types_and_names(built):
    corpus, build = built
    loaded = datasets.load_dataset(str(corpus.folder))
    assert {s: len(rows) for s, rows in loaded.items()} == build.manifest.splits
    for rows in loaded.values():
        assert str(rows.info.version) == build.version == "1.0.0"
        assert rows.features == corpus.features
        for field, marker in corpus.schema.marked(Label).items():
            assert rows.features[field].names == corpus.labels[marker.map or field].names


def test_every_picture_decodes_to_the_mode_its_schema_says(built):
    corpus, _ = built
    for rows in datasets.load_dataset(str(corpus.folder)).values():
        for field, marker in corpus.schema.marked(Image).items():
            pictures = [one for cell in rows[field] for one in (cell if isinstance(cell, list) else [cell])]
            assert {picture.mode for picture in pictures} == {marker.mode}


def test_the_release_holds_what_the_plain_datasets_builder_gives(built):
    corpus, _ = built
    builder = corpus.builder(data_dir=corpus.folder / "tiny", cache_dir=str(corpus.folder.parent / "cache"))
    builder.download_and_prepare()
    for split, rows in rows_of(corpus).items():
        assert list(undecoded(builder.as_dataset(split=split), corpus)) == rows
        assert list(undecoded(builder.as_streaming_dataset(split=split), corpus)) == rows


def test_ids_are_unique_and_groups_stay_in_one_split(built):
    corpus, _ = built
    splits = rows_of(corpus)
    id_field = next(iter(corpus.schema.marked(Id)))
    ids = [row[id_field] for rows in splits.values() for row in rows]
    assert len(set(ids)) == len(ids)
    for field, group in corpus.schema.marked(Group).items():
        if group.one_split:
            homes: dict[str, set[str]] = {}
            for split, rows in splits.items():
                for row in rows:
                    homes.setdefault(row[field], set()).add(split)
            assert [v for v, s in homes.items() if v is not None and len(s) > 1] == []


def test_the_tiny_source_shows_no_leak_and_every_class(built):
    _, build = built
    assert [f.message for f in build.findings if f.level == "error"] == []
    for field, classes in build.manifest.counts.items():
        assert [c for c, by_split in classes.items() if not by_split] == [], field


def test_the_same_source_gives_the_same_bytes(built, tmp_path):
    corpus, build = built
    (again := tmp_path / corpus.name).mkdir()
    for path in [*corpus.folder.glob("*.py"), *corpus.folder.glob("*.yaml"), corpus.folder / "README.md"]:
        (again / path.name).write_bytes(path.read_bytes())
    assert mmdata.build(again, corpus.folder / "tiny", workers=1).manifest.files == build.manifest.files


def test_the_sample_is_the_tiny_source_as_it_is_now(built):
    corpus, _ = built
    assert rows_of(corpus, "sample") == rows_of(corpus, "1.0.0"), "run `mmdata build FOLDER --sample`"


def test_a_second_build_makes_no_release(built):
    corpus, _ = built
    stages = []
    progress = type("Stages", (Silent,), {"stage": lambda self, name: stages.append(name)})()
    assert not mmdata.build(corpus.folder, corpus.folder / "tiny", progress=progress).created
    assert "building" not in stages, "known before a row is made"
    assert [p.name for p in (corpus.folder / "data").iterdir()] == ["1.0.0"]


def test_the_card_is_complete(built):
    corpus, _ = built
    assert corpus.card.keys() >= CARD_KEYS
    assert corpus.sample_config["data_files"]
    text = (corpus.folder / "README.md").read_text(encoding="utf-8")
    assert re.search(r"^# .+", text, re.M)
    licence = licence_of(corpus)
    assert licence.license
    assert licence.may_redistribute is not None


def test_the_card_for_the_hub_says_what_the_pointer_says_and_its_croissant_is_valid(built):
    corpus, build = built
    said = mmdata.card(corpus.folder, repo="my-team/corpus")
    head = yaml.safe_load(said.split("---\n")[1])
    assert {key: head[key] for key in ("configs", "dataset_info")} == yaml.safe_load(
        (corpus.folder / POINTER).read_text()
    )
    assert own_prose((corpus.folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)[2]).strip() in said
    document = json.loads(croissant_of(corpus, build.manifest, "my-team/corpus"))
    assert [one["@id"] for one in document["recordSet"]] == list(build.manifest.splits)


def test_every_prompt_renders_for_every_row_and_every_term_map_is_read(built):
    corpus, build = built
    release = Release(corpus.folder, build.manifest)
    read_terms(corpus.folder)
    for path in prompts_in(corpus.folder).values():
        prompt = parse_prompt(path)
        if prompt.over is None and awaited_by(corpus.folder, prompt, release.kinds):
            continue  # test_every_corpus.py asks it, once there is what it asks about.
        rows = rows_for(corpus, prompt, release)
        require_columns(corpus.folder, prompt, rows.kinds)
        texts = [prompt.render(row.values).user for row in rows.rows(prompt.fields)]
        assert len(texts) == sum(rows.manifest.splits.values())
        assert all(texts) and not any("None" in text for text in texts)
