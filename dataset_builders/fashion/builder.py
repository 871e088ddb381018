"""Fashion: catalogues of clothes and shoes become questions about an item in a season, and what goes with it."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from typing import Any

import datasets

from mmdata import CorpusBuilder, Finding, Item, Listing, MmdataError, Reject, SourceFile
from mmdata.fetching.wanted import FETCHED
from mmdata.schemas import OutfitAdvice, Picture

from .advice import any_recommended, recommended, some_seasons
from .catalogue import VALUES, Line
from .facts import CATEGORIES
from .filters import Filter, listed, merged, parse
from .joined import CatalogueItem, Joined
from .pictures import IMAGES, Pictures, source_file
from .spellings import spellings_of, unified
from .splits import split_of
from .templates import answer, instruction, read_templates

TABLES, FILTERS = (".csv", ".csv.gz", ".tsv", ".tsv.gz"), ("filter", "필터")
CACHE_KIB = 64 << 10
ITEM = ("item_id", "category", "sub_category", "sub_category_original", "seasons", *VALUES)
"""Columns that all rows of an item have in common."""


@dataclass
class Options(datasets.BuilderConfig):
    """What may differ between builds."""

    seed: int = 42
    """Draws the recommendations, the templates and, where they are limited, the seasons."""
    most_recommended: int = 3
    """Sub-categories of each category."""
    sold_out: bool = True
    """Whether items that are sold out get rows; False rejects them."""
    seasons_per_item: int | None = None
    """Rows an item, at most; one for each of its seasons, if None."""


class Fashion(CorpusBuilder):
    """Items of a shop, each with a question and an answer for every season it is worn in."""

    schema = OutfitAdvice
    layout = (
        "*.csv or *.tsv with the columns of a catalogue (sub_category, season, image_id, …, of clothes main_category too) or of "
        "styles.csv, a filter *filter*.json or *필터*.json, and in any folders the pictures"
    )
    BUILDER_CONFIG_CLASS = Options
    BUILDER_CONFIGS = [  # noqa: RUF012 - as `datasets` has it
        Options(name="all", description="Every item that has a picture."),
        Options(name="in_stock", description="Without items that are sold out.", sold_out=False),
    ]
    DEFAULT_CONFIG_NAME = "all"

    def items(self, listing: Listing) -> Iterator[Item | Finding]:
        """A row for each season of each item, by id: neither the order of files nor that of lines is anything."""
        lost: Counter[str] = Counter()
        for option in ("most_recommended", "seasons_per_item"):
            if (value := getattr(self.config, option)) is not None and value < 1:
                raise MmdataError(f"{option}={value}: at least 1 is wanted")
        tables: list[SourceFile] = []
        filters: list[SourceFile] = []
        ledgers: list[SourceFile] = []
        with closing(sqlite3.connect("")) as scratch:  # On disk, once it grows.
            scratch.executescript(f"PRAGMA journal_mode = OFF; PRAGMA cache_size = -{CACHE_KIB}")
            pictures = Pictures(scratch)
            for file in listing.files():
                name = file.name.lower()
                if name.endswith(IMAGES):
                    pictures.add(file)
                elif name == FETCHED:
                    ledgers.append(file)
                elif name.endswith(TABLES):
                    tables.append(file)
                elif name.endswith(".json") and any(word in name for word in FILTERS):
                    filters.append(file)
            pictures.index()
            if not tables:
                return
            _ = self.templates  # A mistake there is better said at once.
            categories = self.corpus.labels["category"]
            if {*categories.names} != {*CATEGORIES}:
                raise MmdataError(
                    f"{categories.place}: category must have just {', '.join(CATEGORIES)}: answers have these"
                )
            filter, findings = self._filter(listing, filters)
            self.share("filter", [json.dumps(filter.entries, ensure_ascii=False)])
            for file in ledgers:
                findings += pictures.fetched(file.path, partial(listing.open, file))
            joined = Joined(scratch, pictures, categories, filter, self._wanted)
            for file in tables:
                findings += joined.read(file.path, partial(listing.open, file))
            for said in joined.items():
                if isinstance(said, Finding):
                    findings.append(said)
                else:
                    yield from self._rows(said, filter, lost)
        if many := lost.pop("", 0):
            text = f"{many:,} rows are left out, as seasons_per_item is {self.config.seasons_per_item}"
            findings.append(Finding.warning("seasons left out", text, count=many))
        if lost:
            text = f"{lost.total():,} items have a season that is not in labels.yaml, for which they get no row: {listed(lost)}"
            findings.append(Finding.warning("no place", text, sorted(lost), lost.total()))
        yield from findings

    def _filter(self, listing: Listing, files: list[SourceFile]) -> tuple[Filter, list[Finding]]:
        said = []
        for file in files:
            with listing.open(file) as opened:
                said.append((file.path, parse(opened.read(), file.path)))
        labels = self.corpus.labels
        known = self._spellings("sub_category")
        filter, findings = merged(said, labels["season"], labels["category"], known)
        if not filter.pairs:
            paths = ", ".join(file.path for file in files)
            raise MmdataError(
                (f"{paths} has no entry" if files else "the source has no *filter*.json or *필터*.json")
                + ": nothing can be recommended. Give the sub-categories of each season and category, as "
                f"{self.corpus.folder / 'tiny/필터.json'} does"
            )
        return filter, findings

    def _wanted(self, line: Line) -> None:
        if line.sold_out and not self.config.sold_out:
            why = f"it is sold out, which the config {self.config.name} leaves out; the config all has it"
            raise Reject("sold out", field="sold_out", value=True, reason=why)

    def _rows(self, said: CatalogueItem, filter: Filter, lost: Counter[str]) -> Iterator[Item]:
        """An item's rows, one a season; or one that `record` rejects, so that no line goes without a reason.

        Args:
            lost: counts seasons that are unknown, and under "" those that are too many.
        """
        split, line = split_of(said.id), said.line
        if said.refused or line is None or said.picture is None:
            yield Item(said.id, split, {}, {"refused": said.refused}, said.place)
            return
        labels, seasons = self.corpus.labels["season"], list[str]()
        for word in line.seasons:
            season = word if word in labels.classes else labels.named(word)
            if season is None:
                lost[word] += 1
                why = f"season {word!r} is none of {', '.join(labels.names)}. Write it into labels.yaml as an alias, or correct it"
                yield _refused(said, word, split, Reject("unknown label", field="season", value=word, reason=why))
            elif season in seasons:
                continue
            elif not any_recommended(filter.entries[season], said.category, season):
                why = f"the filter has nothing that goes with {said.category} in {season}. Write it there, or leave the season out"
                yield _refused(
                    said, word, split, Reject("nothing to recommend", field="season", value=word, reason=why)
                )
            else:
                seasons.append(season)
        kept = some_seasons(seasons, self.config.seasons_per_item, said.id, self.config.seed)
        lost[""] += len(seasons) - len(kept)
        all_seasons = (*kept, *(season for season in seasons if season not in kept))
        # One value: a row's values are hashed one by one.
        color, *rest = line.values
        color = color and unified(color, self.colors)
        item = (said.id, said.category, said.sub_category, line.sub_category, all_seasons, color, *rest)
        files = {"image": source_file(said.picture)}
        for season in kept:
            yield Item(f"{said.id}/{season}", split, files, {"item": item, "season": season}, said.place)

    def record(self, item: Item, files: Mapping[str, bytes]) -> Any:
        """The item in one season: what is asked, and what goes with it."""
        if "refused" in item.data:
            kind, field, value, reason = item.data["refused"]
            raise Reject(kind, field=field, value=value, reason=reason)
        said, season, options = dict(zip(ITEM, item.data["item"], strict=True)), item.data["season"], self.config
        category, sub_category, color = said["category"], said["sub_category"], said["color"]
        entries = _loaded(*self.shared("filter"))[season]
        recommend = recommended(entries, category, season, said["item_id"], options.seed, options.most_recommended)
        asked = f"{options.seed} {item.id}"
        return {
            **said,
            "id": item.id,
            "image": Picture(path=item.files["image"].path, bytes=files["image"]),
            "season": season,
            "seasons": list(said["seasons"]),
            "instruction": instruction(self.templates, asked, season, category, sub_category, color),
            "answer": answer(recommend, season, sub_category, color),
            "recommend": recommend,
        }

    def _spellings(self, name: str) -> dict[str, str]:
        """Of a map of labels.yaml, by their keys."""
        labels = self.corpus.labels
        return spellings_of(labels[name]) if name in labels else {}

    @cached_property
    def colors(self) -> dict[str, str]:
        """Spellings of colours, by their keys."""
        return self._spellings("color")

    @cached_property
    def templates(self) -> list[str]:
        """Of instructions."""
        return read_templates(self.corpus.folder / "instructions.yaml")


def _refused(said: CatalogueItem, season: str, split: str, why: Reject) -> Item:
    """An item's row of a season, to be rejected."""
    return Item(f"{said.id}/{season}", split, {}, {"refused": said.but(why).refused}, said.place)


@lru_cache(4)
def _loaded(filter: str) -> dict[str, dict[str, list[str]]]:
    return dict(json.loads(filter))
