"""The card: what it says, what it must not say, and that `datasets` loads by it."""

import json
import re
import shutil

import datasets
import pytest
import yaml
from answering import answer
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

import mmdata
from mmdata.checking.report import CheckRun, Fault, Report
from mmdata.corpus import Corpus
from mmdata.errors import CorpusError, ReleaseError
from mmdata.findings import Finding
from mmdata.hub.card import BEGIN, END, MARKS, card_of, own_prose
from mmdata.hub.changes import Version
from mmdata.hub.licence import licence_of
from mmdata.hub.markdown import code, plain, table, text
from mmdata.hub.partial import write_partial
from mmdata.reading import Release
from mmdata.releases import POINTER, Releases
from mmdata.verbs.card import card
from mmdata.verbs.release import release

REPO = "my-team/skin"
PRIVATE = "H9_7777 김서준"
"""Stands for what only the owner may see."""
REPORT = Report(
    corpus="skin",
    version="1.1.0",
    created="2026-01-02T03:04:05+00:00",
    classes={},
    answers={},
    checks=[
        CheckRun(name="missing", level="error", doc="Rows without an answer.", judged=36, found=12),
        CheckRun(
            name="dark", level="warning", doc="Dark | pictures.", judged=36, found=1, could_not="no <eyes>; tired"
        ),
        CheckRun(name="blurred", level="warning", doc="Blurred pictures.", judged=36, found=0, could_not="tired"),
    ],
    faults=[Fault(check="dark", level="warning", message=f"dark {PRIVATE}", excerpt=PRIVATE, row_id=PRIVATE)],
)


@pytest.fixture
def skin(built_skin):
    """1.0.0, and 1.1.0 with answers to a third less than all rows."""
    answer(built_skin, value=lambda row: f"<label>{row.values['label']}</label>" if row.number % 3 else None)
    release(built_skin)
    return built_skin


def versions_of(folder):
    releases = Releases(Corpus(folder))
    return [Version(releases.manifest(v), folder / "data" / v / "index.parquet") for v in releases.versions()]


def rendered(folder, versions=None, report=REPORT, repo=REPO):
    return card_of(Corpus(folder), versions or versions_of(folder), report, repo)


def put_in_card(folder, **keys):
    """Set keys of the front matter; None takes one away."""
    path = folder / "README.md"
    _, head, prose = path.read_text(encoding="utf-8").split("---\n", 2)
    said = {key: value for key, value in (yaml.safe_load(head) | keys).items() if value is not None}
    path.write_text(f"---\n{yaml.safe_dump(said, allow_unicode=True, sort_keys=False)}---\n{prose}", encoding="utf-8")


# Loading by it


def test_a_folder_with_the_card_and_no_pointer_loads_every_version_and_the_sample(skin, tmp_path):
    put_in_card(skin, dataset_info=[{"config_name": "stale"}])
    there = tmp_path / "받은 것"
    there.mkdir()
    for name in ("data", "sample"):
        shutil.copytree(skin / name, there / name)
    (there / "README.md").write_text(rendered(skin), encoding="utf-8")
    assert datasets.get_dataset_config_names(str(there)) == ["sample", "1.1.0", "1.0.0"]
    for config, version in [(None, "1.1.0"), ("1.1.0", "1.1.0"), ("1.0.0", "1.0.0")]:
        here, by_pointer = (datasets.load_dataset(str(folder), config) for folder in (there, skin))
        assert str(here["train"].info.version) == version
        assert here["train"].features == by_pointer["train"].features
        assert here["train"].info.download_size == sum(f.bytes for f in Releases(Corpus(skin)).manifest(version).files)
        assert {s: list(rows["id"]) for s, rows in here.items()} == {
            s: list(rows["id"]) for s, rows in by_pointer.items()
        }
    assert len(datasets.load_dataset(str(there), "sample")["train"]) == 24


def test_the_front_matter_keeps_the_corpus_s_own_keys_in_order_and_says_what_the_pointer_says(skin):
    own = Corpus(skin).card
    head = yaml.safe_load(rendered(skin).split("---\n")[1])
    assert list(head) == [*(key for key in own if key != "configs"), "configs", "dataset_info"]
    kept = [key for key in own if key not in {"configs", "size_categories"}]
    assert {key: head[key] for key in kept} == {key: own[key] for key in kept}
    assert head["size_categories"] == ["n<1K"]
    assert {key: head[key] for key in ("configs", "dataset_info")} == yaml.safe_load((skin / POINTER).read_text())


# What it says


def test_what_it_says_of_answers_checks_licence_and_versions(skin):
    said = rendered(skin)
    assert f'load_dataset("{REPO}", revision="v1.1.0")' in said
    assert f"mmdata pull {REPO} --version 1.1.0" in said
    assert "[ai-hub](https://www.aihub.or.kr). Neither whole rows nor pictures may be passed on." in said
    assert "must be named as: AI Hub 71863" in said
    assert "| `train` | 24 |" in said
    assert "| 건선 | 4 (16.7%) | 2 (16.7%) |" in said
    assert "| answered | 24 of 36 rows |" in said
    assert "3 checks of `mmdata check` on version 1.1.0: 12 errors, 1 warning." in said
    assert r"| dark | warning | Dark \| pictures. | 1 |" in said
    assert "- tired (dark, blurred)\n" in said
    assert "- no &lt;eyes&gt; (dark)\n" in said
    assert "| folder count | warning | 24 |" in said
    assert re.search(
        r"\*\*1\.1\.0\*\*.*?- the same rows.*?- answers to describe added: 24 rows.*?\*\*1\.0\.0\*\*", said, re.S
    )
    assert "tree/v1.1.0}}" in said
    assert "한국어" in said


def test_the_card_of_the_folder_speaks_of_the_folder(skin):
    put_in_card(skin, language=["en"], attribution=None)
    said = rendered(skin, repo=None)
    assert 'load_dataset("./skin", "1.1.0")' in said
    assert not re.search("huggingface.co|revision=|mmdata pull|한국어|it must be named as", said)


def test_a_version_without_pictures_says_so_and_how_to_join_them(skin, tmp_path):
    old, new = versions_of(skin)
    whole = write_partial(Corpus(skin), Release(skin, new.manifest), tmp_path)
    said = rendered(skin, [old, Version(whole, tmp_path / "index.parquet")])
    assert f"mmdata attach skin --repo {REPO} --version 1.1.0" in said
    assert "mmdata pull" not in said
    assert "| `image_sha256` | string |" in said
    assert "- the same rows and pictures\n" in said
    assert "- published without pictures\n" in said
    assert "columns removed" not in said


def test_many_classes_are_cut_to_the_commonest_and_the_rest_summed(skin):
    counts = {"label": {f"병 {n}": {"train": n, "test": 0} for n in range(100)}}
    (version, *_) = versions_of(skin)
    said = rendered(skin, [Version(version.manifest.model_copy(update={"counts": counts}), None)])
    shown = re.findall(r"^\| 병 (\d+) \|", said, re.M)
    assert list(map(int, shown)) == list(range(70, 100))
    assert f"| 70 more | {sum(range(70)):,} (48.8%) | 0 |" in said


def test_it_tells_no_row_no_text_no_place_and_no_path(skin):
    findings = [Finding.error("leak", f"the same subject is in two splits: {PRIVATE}", [PRIVATE], 3)]
    old, new = versions_of(skin)
    new = Version(new.manifest.model_copy(update={"findings": findings, "rejected": {"broken image": 2}}), new.index)
    said = rendered(skin, [old, new])
    assert "| leak | error | 3 |" in said
    assert "| broken image | 2 |" in said
    for private in (PRIVATE, str(skin.parent), "H1_0001", "2026-01-02"):
        assert private not in said


def test_hostile_names_stay_in_their_cells_and_in_the_generated_part(skin):
    bad = f"a|b\n{END}\n<img src=x onerror=alert(1)> `c` [d](javascript:e) *f*"
    put_in_card(skin, attribution=bad, license_name=bad, license_link="javascript:alert(1)", pretty_name="``` {x}")
    old, new = versions_of(skin)
    note = new.manifest.annotations[0].model_copy(update={"model": bad, "parameters": {bad: [bad]}})
    update = {"counts": {bad: {bad: {"train": 1}}}, "annotations": [note], "rejected": {bad: 1}}
    said = rendered(skin, [old, Version(new.manifest.model_copy(update=update), new.index)])
    generated = said[said.index(BEGIN) :]
    assert MARKS.findall(said) == ["generated from here", "to here"]
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(generated)
    html = [token.content for token in tokens if token.type == "html_block"]
    inside = [child for token in tokens for child in token.children or ()]
    assert html == [f"{BEGIN}\n", f"{END}\n"]
    assert {child.type for child in inside} <= {"text", "code_inline", "softbreak", "strong_open", "strong_close"}
    assert [token.info for token in tokens if token.type == "fence"] == ["python", "bash", "bibtex"]


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), min_size=1, max_size=4))
def test_any_text_is_shown_as_it_is_in_as_many_cells(rows):
    made = table(["a", "b", "c"], [[text(one), code(two), three] for one, two, three in rows])
    inline = [t for t in MarkdownIt("commonmark").enable("table").parse(made) if t.type == "inline"][3:]
    shown = ["".join(child.content for child in token.children) for token in inline]
    assert shown == [plain(cell) for row in rows for cell in row]


# The same, again


@given(
    st.lists(st.sampled_from(["# 제목\n", "글 `x`\n", "\n", "---\n", "<!-- mmdata: not this -->\n"])), st.text("ab\n")
)
def test_own_prose_is_what_stands_around_generated_parts(prose, after):
    before = "".join(prose)
    block = f"{BEGIN}\nold\n{END}"
    assert own_prose(f"{before}{block}\n{after}") == f"{before}\n{after}"
    assert own_prose(f"{before}{block}\n{after}\n{block}\n") == f"{before}\n{after}\n\n"
    assert own_prose(before + after) == before + after


@pytest.mark.parametrize("block", [BEGIN, END, f"{END}\n{BEGIN}", f"{BEGIN}\n{BEGIN}\n{END}"])
def test_half_a_generated_part_is_said(skin, block):
    with (skin / "README.md").open("a", encoding="utf-8") as file:
        file.write(f"\n{block}\n")
    with pytest.raises(CorpusError, match=r"README\.md: the generated part must stand between"):
        rendered(skin)


@pytest.mark.parametrize("repo", [REPO, None])
def test_the_card_of_a_card_is_that_card(skin, repo):
    once = rendered(skin, repo=repo)
    (skin / "README.md").write_text(once, encoding="utf-8")
    later = REPORT.model_copy(update={"created": "2027-01-01T00:00:00+00:00"})
    assert rendered(skin, report=later, repo=repo) == once
    assert Corpus(skin).sample_config["config_name"] == "sample"


def test_the_verb_gives_the_card_up_to_a_version(skin):
    said = card(skin, version="1.0.0", repo=REPO)
    head = yaml.safe_load(said.split("---\n")[1])
    assert [config["config_name"] for config in head["configs"]] == ["sample", "1.0.0"]
    assert 'revision="v1.0.0"' in said
    assert "errors," in said
    with pytest.raises(ReleaseError, match=r"has no release '9.9.9'. It has: 1.0.0, 1.1.0"):
        card(skin, version="9.9.9")
    with pytest.raises(ReleaseError, match="run `mmdata build` first"):
        card(mmdata.new("새것".encode().hex(), skin.parent))


# The licence


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"license": "cc-by-nc-sa-4.0"}, ["named", "commercial", "same licence"]),
        ({"license": ["cc-by-nd-4.0", "mit"]}, ["named", "changed copies"]),
        ({"license": "cc0-1.0"}, []),
        ({"license": None}, []),
        ({"license": "other"}, []),
    ],
)
def test_known_licences_are_put_in_words(built_skin, keys, words):
    put_in_card(built_skin, **keys)
    said = licence_of(Corpus(built_skin)).words
    assert len(said) == len(words)
    assert all(word in one for word, one in zip(words, said, strict=True))


@pytest.mark.parametrize(
    ("may", "pictures", "why"),
    [
        (["rows", "images"], True, None),
        (["rows"], False, None),
        (["rows"], True, "the pictures may not be made public: its licence is ai-hub, and its README.md says `may_redis"),
        (["images"], True, "the rows may not be made public"),
        ([], True, r"the rows and pictures may not .* `may_redistribute: \[\]`.*--private.*--annotations-only.*\[rows, images\]"),
        (None, True, r"README.md does not say that its licence \(ai-hub\) allows it"),
        (None, False, r"the rows may not .* put `may_redistribute: \[rows\]`"),
    ],
)  # fmt: skip
def test_what_may_not_be_made_public_and_what_to_do(built_skin, may, pictures, why):
    put_in_card(built_skin, may_redistribute=may)
    said = licence_of(Corpus(built_skin)).refusal("skin", pictures=pictures)
    assert (said is None) == (why is None)
    assert why is None or re.search(why, said)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("may_redistribute", ["pictures"]),
        ("may_redistribute", "rows"),
        ("may_redistribute", True),
        ("attribution", ["a", "b"]),
        ("license", {"id": "mit"}),
        ("license_link", 3),
    ],
)
def test_a_wrong_value_is_named_with_the_choices(built_skin, key, value):
    put_in_card(built_skin, **{key: value})
    with pytest.raises(CorpusError, match=rf"README\.md: {key}.*Write `{key}:`") as raised:
        licence_of(Corpus(built_skin))
    assert "\n" not in str(raised.value)
    assert json.dumps(value)[1:5].strip('"') in str(raised.value) or repr(value) in str(raised.value)
