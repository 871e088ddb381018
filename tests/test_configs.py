"""A corpus's configs, as `datasets` has them: options of its builder, one chosen for each build."""

import pytest
from kit import encoded, ids, photo, put

import mmdata
from mmdata.errors import BuildError

BUILDER = '''
"""Shapes: one folder a class."""

from dataclasses import dataclass
from typing import Annotated

import datasets

from mmdata import CorpusBuilder, Item, Reject
from mmdata.schemas import Id, Image, Label, Picture, Record


class Shape(Record):
    """One row."""

    id: Annotated[str, Id()]
    image: Annotated[Picture, Image()]
    label: Annotated[str, Label()]


@dataclass
class Options(datasets.BuilderConfig):
    """Which rows come in."""

    only: str | None = None
    no_ones: bool = False


class Shapes(CorpusBuilder):
    """Shapes."""

    BUILDER_CONFIG_CLASS = Options
    BUILDER_CONFIGS = [Options(name="all"), Options(name="squares", only="네모"), Options(name="strict", no_ones=True)]
    schema = Shape

    def items(self, listing):
        for file in listing.files():
            label = file.path.split("/")[0]
            if self.config.only in {None, label}:
                yield Item(f"{label}/{file.stem}", "train", {"image": file}, {"label": label})

    def record(self, item, files):
        if self.config.no_ones and item.id.endswith("1"):
            raise Reject("one", field="id", value=item.id, reason="it is a one; build with --config all to keep it")
        return super().record(item, files)
'''


@pytest.fixture
def shapes(tmp_path):
    folder = mmdata.new("shapes", tmp_path)
    (folder / "builder.py").write_text(BUILDER, encoding="utf-8")
    for number in range(2):
        for label in ("동그라미", "네모"):
            put(tmp_path / "source", f"{label}/{number}.png", encoded(photo(f"{label}{number}")))
    return folder


def test_the_first_config_is_the_default_and_another_makes_the_next_release(shapes, tmp_path):
    first = mmdata.build(shapes, tmp_path / "source", workers=1)
    assert (first.manifest.config, len(ids(shapes))) == ("all", 4)
    again = mmdata.build(shapes, tmp_path / "source", config="all", workers=1)
    assert not again.created
    squares = mmdata.build(shapes, tmp_path / "source", config="squares", workers=1)
    assert (squares.version, squares.manifest.config) == ("1.1.0", "squares")
    assert ids(shapes) == {"네모/0", "네모/1"}


def test_workers_have_the_config_too(shapes, tmp_path):
    done = mmdata.build(shapes, tmp_path / "source", config="strict", workers=1)
    assert (done.manifest.splits, done.manifest.rejected) == ({"train": 2}, {"one": 2})


def test_a_config_that_is_not_there(shapes, built_skin, tmp_path):
    with pytest.raises(BuildError, match=r"shapes has no config 'none'\. It has: all, squares, strict"):
        mmdata.build(shapes, tmp_path / "source", config="none")
    with pytest.raises(BuildError, match=r"skin has no config 'all'\. It has: none"):
        mmdata.build(built_skin, tmp_path / "source", config="all")
