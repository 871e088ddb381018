"""What a push keeps back: what a licence forbids, and keys."""

import re
import shutil

import pytest
from hub_api import WRITE
from kit import OPEN

import mmdata
from mmdata.errors import HubError

REPO = "my-team/birds"


# What may be public


def test_skin_is_not_made_public(built_skin, hub):
    with pytest.raises(HubError, match=r"skin: the rows and pictures may not be made public: its licence is ai-hub"):
        mmdata.push(built_skin, "my-team/skin")
    assert hub.repos == {}


def test_skin_may_lie_in_a_private_repository(built_skin, hub):
    assert mmdata.push(built_skin, "my-team/skin", private=True).private
    assert hub.repos["my-team/skin"].private
    hub.repos["my-team/skin"].private = False  # Somebody opens it; what is new is not added to it.
    with pytest.raises(HubError, match=r"my-team/skin is public\. skin: the rows and pictures may not"):
        mmdata.push(built_skin, "my-team/skin")


def test_an_organisation_that_makes_everything_public_gets_nothing(built_skin, hub, monkeypatch):
    create = hub.create
    monkeypatch.setattr(
        hub, "create", lambda asked: (create(asked), setattr(hub.repos["my-team/skin"], "private", False))[0]
    )
    with pytest.raises(HubError, match="is there and public"):
        mmdata.push(built_skin, "my-team/skin", private=True)
    assert list(hub.files("my-team/skin")) == [".gitattributes"]


def test_private_does_not_hide_what_is_public(birds, hub):
    mmdata.push(birds, REPO)
    with pytest.raises(HubError, match="does not hide one"):
        mmdata.push(birds, REPO, private=True)


@pytest.mark.parametrize("said", ["may_redistribute: [rows]", "may_redistribute: []", ""])
def test_pictures_need_leave(birds, hub, said):
    card = birds / "README.md"
    card.write_text(card.read_text(encoding="utf-8").replace(OPEN, said), encoding="utf-8")
    with pytest.raises(HubError, match=r"pictures may not be made public.*put `may_redistribute: \[rows, images\]`"):
        mmdata.push(birds, REPO)


def test_another_corpus_s_repository_is_left_alone(birds, hub, tmp_path):
    mmdata.push(birds, REPO, version="1.0.0")
    other = shutil.copytree(birds, tmp_path / "fish")
    for path in other.glob("data/*/manifest.json"):
        path.write_text(path.read_text(encoding="utf-8").replace('"birds"', '"fish"'), encoding="utf-8")
    before = hub.snapshot(REPO)
    with pytest.raises(HubError, match="holds the corpus birds, and this is fish"):
        mmdata.push(other, REPO)
    assert hub.snapshot(REPO) == before


def test_somebody_s_own_repository_is_left_alone(birds, hub):
    hub.new("me/notes")
    hub.put("me/notes", {"README.md": b"# mine", "train.py": b"x"})
    with pytest.raises(HubError, match=r"me/notes holds files that mmdata did not push \(train\.py\)"):
        mmdata.push(birds, "me/notes")


# Keys


@pytest.mark.parametrize(
    ("path", "text", "kind"),
    [
        ("prompts/p.yaml", "id: p\nmodel: m\nuser: hf_abcdefghijklmnopqrstuvwxyz", "a Hugging Face token"),
        ("builder.py", "\n# sk-proj-abcdefghijklmnopqrstuvwx\n", "an API key"),
        ("builder.py", "\n# AKIAIOSFODNN7EXAMPLE\n", "an Amazon key"),
        ("LICENSE", "hf_abcdefghijklmnopqrstuvwxyz", "a Hugging Face token"),
        ("README.md", "-----BEGIN OPENSSH PRIVATE KEY-----", "a private key"),
        ("prices.yaml", f"# {WRITE}", "a Hugging Face token"),
        ("terms.yaml", "# an older form of token", "the value of HF_TOKEN"),
        ("labels.yaml", "\n# my very own key\n", "the value of OPENAI_API_KEY"),
    ],
)
def test_a_key_in_a_file_stops_the_push(birds, hub, monkeypatch, path, text, kind):
    monkeypatch.setenv("OPENAI_API_KEY", "my very own key")
    if "older" in text:
        monkeypatch.setenv("HF_TOKEN", text.removeprefix("# "))
        hub.roles[text.removeprefix("# ")] = "write"
    place = birds / path
    place.parent.mkdir(exist_ok=True)
    before = place.read_text(encoding="utf-8") if place.exists() else ""
    place.write_text(before + text, encoding="utf-8")
    with pytest.raises(HubError, match=f"{re.escape(path)}, line .* holds {kind}; nothing was published") as error:
        mmdata.push(birds, REPO)
    assert text.split()[-1] not in str(error.value)
    assert hub.repos == {}
