"""What a push keeps back: what a licence forbids, and keys."""

import re
import shutil

import pytest
from hub_api import WRITE
from kit import OPEN

import mmdata
from mmdata.errors import HubError
from mmdata.hub.secrets import KINDS

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
        (
            "sources.yaml",
            "- url: https://s3.host/a.zip?X-Amz-Date=1&X-Amz-Signature=0a1b2c",
            "a key or signature in a URL",
        ),
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


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://h/a.zip?sp=r&sig=Zm9v%2Bc%3D", "a key or signature in a URL"),
        ("https://h/a.zip?dl=1&amp;access_token=geheim", "a key or signature in a URL"),
        ("https://h/a.zip?AWSAccessKeyId=AKIA&Expires=1", "a key or signature in a URL"),
        ("https://h/maps?key=AIzaSy", "a key or signature in a URL"),
        ("https://h/#__token__=exp=1~hmac=2f", "a key or signature in a URL"),
        ("s3://me:geheim@bucket/a", "a password in a URL"),
        ("https://www.dropbox.com/s/x/a.zip?rlkey=r4nd0m&dl=1", None),
        ("https://h/a?page=2&sort=key and token=none", None),
        ("https://h/a?token=<YOURS>", None),
        ("https://github.com/me/repo/issues?q=is:open+author:@me", None),
        ("see http://h:8080/a and write to me@h", None),
    ],
)
def test_a_url_that_is_itself_a_key_is_known(url, kind):
    found = next((kind for kind, form in KINDS.items() if re.search(form, url)), None)
    assert found == kind
