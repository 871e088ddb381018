"""Catalogues in memory that can be searched, and a model server that says what a test wants."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import polars as pl
from openai_server import Act, Server, completion, serving

from mmdata.corpus import HOME, Corpus
from mmdata.searching.facts import Column, Facts, Hit
from mmdata.searching.where import parse
from mmdata.serving.advising import advisor_of

FASHION = Corpus(HOME / "fashion")
RECOMMEND = FASHION.module("recommend")
COLUMNS = {
    "category": "text", "sub_category": "text", "color": "text", "seasons": "texts", "style": "text", "gender": "text",
    "goods_name": "text", "price": "whole", "sold_out": "flag",
}  # fmt: skip
TYPES = {"text": pl.String, "texts": pl.List(pl.String), "whole": pl.Int64, "flag": pl.Boolean}
SEASONS = ["봄", "여름", "가을", "겨울"]
SHOP = [  # id, category, sub-category, colour, seasons, style, price, sold out
    ("t1", "상의", "후드 티셔츠", "그레이", SEASONS, "스트릿", 30_000, False),
    ("t2", "상의", "셔츠/블라우스", "스카이블루", ["봄", "여름"], "포멀", 40_000, False),
    ("o1", "아우터", "카디건", "네이비", ["봄", "가을"], "캐주얼", 45_000, False),
    ("o2", "아우터", "숏패딩/숏헤비 아우터", "블랙", ["겨울"], "캐주얼", 90_000, False),
    ("b1", "하의", "데님 팬츠", "데님", SEASONS, "캐주얼", 33_000, False),
    ("b2", "하의", "데님 팬츠", "블랙", SEASONS, "스트릿", 38_000, False),
    ("b3", "하의", "슈트 팬츠/슬랙스", "블랙", ["봄", "가을", "겨울"], "포멀", 49_000, False),
    ("b4", "하의", "숏 팬츠", "카키", ["여름"], "캐주얼", 20_000, True),
    ("s1", "신발", "로퍼", "브라운", ["봄", "가을"], None, 58_000, False),
    ("s2", "신발", "패션스니커즈화", "화이트", ["봄", "여름", "가을"], None, 47_000, False),
    ("s3", "신발", "샌들", "카키", ["여름"], None, None, None),
]
_builds = itertools.count()


def rows_of(*lines: tuple) -> list[dict]:
    names = ("id", "category", "sub_category", "color", "seasons", "style", "price", "sold_out")
    lines = [dict(zip(names, line, strict=True)) for line in lines]
    return [line | {"gender": None, "goods_name": f"상품 {line['id']}"} for line in lines]


class HeldIndex:
    """Entries in memory. Each has a picture and a vector of its own, drawn by its id."""

    def __init__(self, rows: list[dict]):
        columns = [Column(name=name, kind=kind) for name, kind in {"id": "text", **COLUMNS}.items()]
        self.facts = Facts(
            corpus="fashion", version="1.0.0", build=f"held {next(_builds)}", view="search", model="builtin", revision="1",
            dimensions=8, pictures=len(rows), rows=len(rows), columns=columns[1:],
        )  # fmt: skip
        self.columns = columns
        schema = {"id": pl.String, "picture": pl.String} | {name: TYPES[kind] for name, kind in COLUMNS.items()}
        made = [{"picture": f"{row['id']:>064}", **row} for row in rows]
        self.table = pl.DataFrame(made, schema=schema).sort("id")

    def vector(self, id: str):
        drawn = np.random.default_rng(list(id.encode())).normal(size=8).astype(np.float32)
        return drawn / np.linalg.norm(drawn)

    def rows(self, where=None, limit=None, columns=None):
        passing = self.table if where is None else self.table.filter(parse(where, self.columns).polars)
        passing = passing if columns is None else passing.select("id", "picture", *columns)
        return passing.head(limit).to_dicts() if limit is not None else passing.to_dicts()

    def nearest(self, vector, k, where=None):
        found = [(float(self.vector(row["id"]) @ vector), row) for row in self.rows(where)]
        found.sort(key=lambda one: (-one[0], one[1]["picture"]))
        return [Hit(id=row.pop("id"), picture=row.pop("picture"), score=score, row=row) for score, row in found[:k]]

    def near(self, id: str, k: int = 5) -> list[Hit]:
        return self.nearest(self.vector(id), k)


def like(index: HeldIndex, *ids: str) -> list[Hit]:
    """Entries as neighbours of a picture that is none of the catalogue's."""
    rows = {row["id"]: row for row in index.rows()}
    return [
        Hit(id=id, score=0.8, picture=rows[id]["picture"], row={k: v for k, v in rows[id].items() if k not in {"id", "picture"}})
        for id in ids
    ]  # fmt: skip


def said(season="봄", category="상의", answer="데님 팬츠와 로퍼가 어울려요.", **recommend) -> str:
    """An answer of a model."""
    recommend = recommend or {"하의": ["데님 팬츠"], "신발": ["로퍼"]}
    return json.dumps(
        {"season": season, "category": category, "answer": answer, "recommend": recommend}, ensure_ascii=False
    )


def advice(**values):
    return RECOMMEND.Advice.model_validate_json(said(**values))


@contextmanager
def answering(*answers: str | Act) -> Iterator[Server]:
    """A server whose first answer is the first, and so on; the last again and again. `bodies` are what it was asked."""

    def behave(row: str, call: int) -> Act:
        one = answers[min(call, len(answers)) - 1]
        return one if isinstance(one, Act) else Act(body=completion(one))

    with serving(Server(behave, latency=(0, 0))) as server:
        yield server


def asked(server: Server) -> list[dict]:
    """The JSON of each question."""
    return [json.loads(body.partition(b"\r\n\r\n")[2]) for body in server.bodies]


def recommended(url, index, picture, *, near=None, id="t1", timeout=10.0, corpus=FASHION, wish=None, **wishes):
    """What is recommended to a picture of the item `id`, or of one that `near` are near to."""

    async def once():
        advisor = advisor_of(corpus, index, url, "stylist", timeout=timeout)
        try:
            hits = near if near is not None else index.near(id)
            return await advisor.recommend(picture, hits, wish or advisor.wish(**wishes))
        finally:
            await advisor.close()

    return asyncio.run(once())
