"""The whole way: fashion's sample is indexed, a picture goes in over HTTP, outfits of the catalogue come out."""

import json
import shutil

import pytest
from fastapi.testclient import TestClient
from openai_server import Act, error
from recommending import FASHION, answering, said
from serving import app_of

import mmdata
from mmdata.corpus import Corpus
from mmdata.searching.local import LocalIndex
from mmdata.serving.advising import advisor_of

PICTURE = FASHION.folder / "tiny/의류/1002.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("가게") / "fashion"
    shutil.copytree(FASHION.folder, made, ignore=shutil.ignore_patterns("data", ".*"))
    mmdata.index(made, version="sample")
    return made


def recommended(folder, url, **wish):
    advisor = advisor_of(Corpus(folder), LocalIndex(Corpus(folder)), url, "stylist", timeout=5.0)
    form = {"wish": json.dumps(wish)}
    with TestClient(app_of(folder, speaking=False, advisor=advisor)) as client, PICTURE.open("rb") as opened:
        return client.post("/recommend", files={"image": ("사진.png", opened, "image/png")}, data=form)


def test_a_picture_becomes_outfits(folder):
    with answering(said(category="하의", 상의=["셔츠/블라우스"]), said(season="가을")) as server:
        answer = recommended(folder, server.url, season="가을", max_total=120_000, outfits=2)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert [[hit["id"] for hit in group["hits"]] for group in made["groups"]] == [["1008", "2018"]]
    assert made["groups"][0]["note"] == "합계 91,080원" and made["answer"] == "데님 팬츠와 로퍼가 어울려요."
    hit = made["groups"][0]["hits"][0]
    assert hit["row"]["goods_name"] == "스트레이트 데님" and hit["row"]["advice"]["season"] == "봄"
    told = str(server.bodies[1], "utf-8", "replace")
    assert "상의 is the item's own category" in told


@pytest.mark.parametrize(
    ("answer", "wish", "status", "words"),
    [
        (said(season="겨울"), {"season": "가을"}, 502, "season is 겨울, but the customer asks for 가을."),
        ("어울려요", {}, 502, "It is no JSON object"),
        (Act(500, error("boom")), {}, 503, "the model server does not answer"),
        (Act(429, error("slow down")), {}, 503, "busy"),
        (said(), {"season": "장마"}, 422, "season"),
        (said(), {"outfits": 11}, 422, "outfits"),
    ],
)
def test_what_is_not_right_is_said(folder, answer, wish, status, words):
    with answering(answer) as server:
        found = recommended(folder, server.url, **wish)
    assert found.status_code == status and words in found.json()["detail"]


def test_without_a_match_there_is_a_note(folder):
    with answering(said(season="가을")) as server:
        found = recommended(folder, server.url, season="가을", palette="파스텔")
    assert found.status_code == 200 and found.json()["groups"] == []
    assert "palette 파스텔 0" in found.json()["notes"][0]
