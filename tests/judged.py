"""Predictions made up for the tests of evaluation, and fixtures of those that judge skin's."""

import pytest

from mmdata.corpus import Corpus
from mmdata.predictions import Prediction, PredictionFile
from mmdata.views import rows_of


def answer(id, output=None, *, version="1.0.0", split="test", **kw):
    if not {"scores", "vector", "error"} & kw.keys():
        kw["output"] = output
    given = {"view": "diagnosis", "model": "out/병합", "revision": "sha256:abc", "prompt": "p", "seconds": 0.25}
    return Prediction(id=id, version=version, split=split, **(given | kw))


def tag(label, summary="양측 볼에 홍반이 있음."):
    return f"<label>{label}</label>\n<summary>{summary}</summary>"


def truths(folder, split="test", version="1.0.0"):
    """id → the class's name."""
    features, rows = rows_of(Corpus(folder), "diagnosis", split=split, version=version)
    return {row["id"]: features["label"].int2str(row["label"]) for _, row in rows}


def written(path, predictions):
    path.unlink(missing_ok=True)
    with PredictionFile(path) as file:
        for one in predictions:
            file.add(one)
    return path


@pytest.fixture
def folder(built_skin):
    return built_skin


@pytest.fixture
def gold(folder):
    return truths(folder)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "예측.jsonl"
