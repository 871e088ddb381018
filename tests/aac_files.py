"""Personas, symbols and items of the forms that aac reads, made up."""

import json
from itertools import product
from pathlib import Path

import datasets
from kit import encoded, photo, put

from mmdata.corpus import HOME, Corpus
from mmdata.schemas import CardCluster, Picture

CORPUS = Corpus(HOME / "aac")
REAL = Path(__file__).parents[2] / "shared/data/aac"
EMPTY = {"time": None, "place": "", "interaction_partner": "", "current_activity": ""}
"""The original's context before one is written."""
COMPLEXITIES = ("simple", "moderate", "complex")
TOPICS = ["음식", "과일", "동물", "가족", "학교", "운동", "음악", "날씨", "병원", "자동차", "옷", "감정"]


def persona(number=0, **changes) -> dict:
    """One of 24, as the original has them: 2 ages × 2 genders × 3 disabilities × 2, so that two are alike in those."""
    ages, genders = ("adolescent", "adult"), ("male", "female")
    disabilities = ("지적장애", "자폐스펙트럼장애", "의사소통장애")
    age, gender, disability, _ = list(product(ages, genders, disabilities, range(2)))[number % 24]
    return {
        "age": age,
        "gender": gender,
        "disability_type": disability,
        "communication_characteristics": f"짧은 말과 손짓을 쓴다 ({number}).",
        "selection_complexity": COMPLEXITIES[number % 3],
        "preferred_category_types": [],
        "interesting_topics": [TOPICS[(number + at) % len(TOPICS)] for at in range(5)],
    } | changes


def people(count=24, **changes) -> list[dict]:
    return [{"id": number + 1, "persona": persona(number, **changes)} for number in range(count)]


def saved(path: Path, value) -> Path:
    return put(path.parent, path.name, json.dumps(value, ensure_ascii=False).encode())


class Rows(list):
    """Rows as a step is given them, in memory."""

    def column(self, name):
        return [getattr(row, name) for row in self]

    def pick(self, ids):
        held = {row.id: row for row in self}
        return [held[id] for id in ids]


PICTURE = Picture(path="a.png", bytes=encoded(photo("aac", (8, 8))))


def clusters_of(*sizes: int) -> Rows:
    """Clusters of so many cards, numbered."""
    return Rows(
        CardCluster(
            id=str(number),
            number=number,
            card_ids=[f"{number}{at:02}_카드" for at in range(size)],
            keywords=[f"낱말{number}"],
            medoids=[PICTURE],
        )
        for number, size in enumerate(sizes)
    )


def rows_of(folder) -> dict[str, dict]:
    """id → row, with its split."""
    splits = datasets.load_dataset(str(folder)).cast_column("cards", datasets.List(datasets.Image(decode=False)))
    return {row["id"]: {"split": split, **row} for split, rows in splits.items() for row in rows}
