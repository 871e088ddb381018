"""`mmdata fix`: terms, labels, rewriting, suggestions; nothing overwritten, and twice is once."""

import http.server
import io
import json
import re
import threading
from contextlib import contextmanager

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

import mmdata
from mmdata.annotation.joined import annotations
from mmdata.annotation.prompt import Prompt, Tag, Wanted, read_prompt
from mmdata.annotation.questions import key_of
from mmdata.annotation.store import Answer, reading, writing
from mmdata.corpus import Corpus
from mmdata.errors import AnnotationError, CorpusError
from mmdata.fixing.diff import word_diff
from mmdata.fixing.outcome import as_json, as_screen
from mmdata.fixing.rewriting import Rewriter, unfit
from mmdata.fixing.rules import Rules
from mmdata.fixing.suggesting import unknown, with_entries
from mmdata.fixing.tags import label_tags
from mmdata.fixing.wording import Wording
from mmdata.reading import Release
from mmdata.releases import Releases
from mmdata.terms import Terms, read_terms
from mmdata.verbs.fix import fix, set_answer, suggest

MAP = {
    "erythema": "홍반",
    "papule": "구진",
    "scale": "인설",
    "scaly plaque": "인설판",
    "plaque": "판",
    "urticaria": "두드러기",
    "T-zone": "티존",
    "紅斑": "홍반",
    "rash": None,
}
KEEP = ["cm", "IGA", "IGA scale", "CO2"]
WORDING = Wording(Terms(replace=MAP, keep=KEEP))


@pytest.mark.parametrize(
    ("text", "fixed"),
    [
        ("erythema가 보인다", "홍반이 보인다"),
        ("papule을, scale로", "구진을, 인설로"),
        ("ERYTHEMA는 Papule와", "홍반은 구진과"),
        ("urticaria이 urticaria을 urticaria으로", "두드러기가 두드러기를 두드러기로"),
        ("papules와 plaques도 있다", "구진과 판도 있다"),
        ("scaly plaque가", "인설판이"),
        ("Scaly-Plaques는", "인설판은"),
        ("scaly\nplaque", "인설판"),
        ("T zone과 t-zone", "티존과 티존"),
        ("붉은erythema성 변화", "붉은홍반성 변화"),
        ("erythema가장자리", "홍반가장자리"),
        ("erythema이다.", "홍반이다."),
        ("경계의紅斑이", "경계의홍반이"),
        ("홍반(erythema)가 있다", "홍반이 있다"),
        ("Erythema(홍반)는", "홍반은"),
        ("변화(erythema)가", "변화(홍반)가"),
        ("'erythema'가", "'홍반'이"),
        ("erythema/papule가", "홍반/구진이"),
        ("erythema-papule가", "홍반-구진이"),
        ("3cm papule", "3cm 구진"),
        ("(papule)", "(구진)"),
    ],
)
def test_terms_are_replaced(text, fixed):
    assert WORDING.replace(text) == fixed
    assert WORDING.suspects(pl.Series([text])).to_list() == [True]


@pytest.mark.parametrize(
    "text",
    [
        "scaled rescale scales2 autoscale_x",
        "scale-like, non-scale, scale's",
        "IGA scale은 3",
        "5 cm, CO2 레이저",
        "rash가 있다",
        "<papule>3</papule> <scale kind='x'/>",
        "홍반이 있다",
        "",
    ],
)
def test_what_is_no_term_is_left(text):
    assert WORDING.replace(text) == text


@pytest.mark.parametrize(
    ("replace", "keep", "said"),
    [
        ({"papule": "macule", "macule": "반점"}, [], "'macule' would change again"),
        ({"rash": "red rash"}, [], "'rash' would change again"),
        ({"rash": "발진 (Rashes)"}, [], "would change again"),
        ({"Rash": "발진", "rash": "뾰루지"}, [], "there twice"),
        ({"red-rash": "발진", "Red rash": "뾰루지"}, [], "there twice"),
        ({"cm": "센티미터"}, ["CM"], "below both"),
        ({"rash": " "}, [], "becomes nothing"),
        ({"--": "발진"}, [], "no word"),
    ],
)
def test_a_map_that_would_not_come_to_rest_is_refused(replace, keep, said, tmp_path):
    with pytest.raises(CorpusError, match=re.escape(said)):
        Wording(Terms(replace=replace, keep=keep))
    text = json.dumps({"replace": replace, "keep": keep}, ensure_ascii=False)
    (tmp_path / "terms.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"terms\.yaml: replace: |terms\.yaml: 'cm'"):
        read_terms(tmp_path)


def test_words_that_make_one_another_only_side_by_side_are_refused():
    circle = Wording(Terms(replace={"x y": "y x x"}))
    assert circle.replace("x y") == "y x x"
    with pytest.raises(CorpusError, match="go on making one another"):
        circle.replace("x x x x x y y y y y")


WORD = st.sampled_from(["a", "b", "c", "a b", "b c", "홍", "반 a", "c홍", "홍반", "ab", "A-b"])


@given(
    st.dictionaries(WORD, WORD, max_size=4), st.lists(WORD, max_size=2), st.text("abcAB홍반 -가이를(),s", max_size=24)
)
@settings(max_examples=400)
def test_replacing_twice_is_replacing_once(replace, keep, text):
    try:
        wording = Wording(Terms(replace=replace, keep=keep))
        once = wording.replace(text)
    except CorpusError:
        return
    assert wording.replace(once) == once
    if once != text:
        assert wording.suspects(pl.Series([text])).to_list() == [True]


SCRIPTS = st.lists(
    st.sampled_from([*MAP, "papules", "은", "이", "가", "를", "로", " ", ".", "홍반", "<label>", "</label>", "건선증", "acne", "("]),
    max_size=12,
)  # fmt: skip


@given(SCRIPTS)
@settings(max_examples=300)
def test_rules_twice_are_rules_once(parts):
    text = "".join(parts)
    once = RULES.fix(text)
    twice = RULES.fix(once.value)
    assert twice.value == once.value
    assert twice.aliases == 0
    if once.value != text:
        frame = pl.DataFrame({"value": [text], "label": ["건선"]})
        assert RULES.suspects(frame).to_list() == [True]


def _labels():
    return Corpus(mmdata.corpus.HOME / "skin").labels


PROMPT = Prompt(
    id="p", model="m", user="u", wanted=Wanted(scripts=["Hangul"], tags={"label": Tag(field="label", none="진단불가"), "summary": Tag()})
)  # fmt: skip
RULES = Rules(PROMPT, WORDING, label_tags(PROMPT, _labels()))


def as_object(kind, monkeypatch):
    """The rules for answers that are objects of a class."""
    monkeypatch.setattr(mmdata.schemas, "Box", kind)
    return Rules(Prompt.model_validate(PROMPT.model_dump() | {"response": "Box"}), WORDING, RULES.tags)


@pytest.mark.parametrize(
    ("text", "fixed", "contradicts"),
    [
        ("<label>건선증</label>", "<label>건선</label>", False),
        ("<label> Psoriasis </label>", "<label>건선</label>", False),
        ("<label>acne</label>", "<label>여드름</label>", True),
        ("<label>여드름</label>", "<label>여드름</label>", True),
        ("<label>진단불가</label>", "<label>진단불가</label>", False),
        ("<label>모름</label>", "<label>모름</label>", False),
        ("<label>erythema</label>", "<label>erythema</label>", False),
        ("<label>건선</label><label>주사</label>", "<label>건선</label><label>주사</label>", True),
        ("건선증 erythema", "건선증 홍반", False),
    ],
)
def test_label_tags(text, fixed, contradicts):
    done = RULES.fix(text)
    assert done.value == fixed
    assert done.contradicts({"label": "건선"}) is contradicts
    frame = pl.DataFrame({"value": [text], "label": ["건선"]})
    if fixed != text or contradicts:
        assert RULES.suspects(frame).to_list() == [True]


def test_an_untouched_answer_is_not_looked_at():
    frame = pl.DataFrame({"value": ["<label>건선</label>홍반", None], "label": ["건선", "건선"]})
    assert RULES.suspects(frame).to_list() == [False, False]


def test_strings_of_an_object_are_fixed_one_by_one(monkeypatch):
    from pydantic import BaseModel

    class Finding(BaseModel):
        label: str
        notes: list[str]
        scale: int = 0

    rules = as_object(Finding, monkeypatch)
    value = '{"label":"건선증","notes":["papule가","x"],"scale":3}'
    done = rules.fix(value)
    assert done.value == '{"label":"건선","notes":["구진이","x"],"scale":3}'
    assert rules.fix(done.value).value == done.value
    frame = pl.DataFrame({"value": [value, '{"label":"건선","notes":[]}', '{"label": "주사"}'], "label": ["건선"] * 3})
    assert rules.suspects(frame).to_list() == [True, False, True]


def test_an_object_that_would_not_fit_its_class_is_left(monkeypatch):
    from typing import Literal

    from pydantic import BaseModel

    class Finding(BaseModel):
        kind: Literal["papule", "none"]

    done = as_object(Finding, monkeypatch).fix('{"kind":"papule"}')
    assert done.value == '{"kind":"papule"}'
    assert done.unfit.startswith("kind: ")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = mmdata.new("skin", tmp_path_factory.mktemp("말뭉치"), like="skin")
    mmdata.build(folder, folder / "tiny")
    return folder


@pytest.fixture
def folder(built):
    """The corpus with a term map and no answers."""
    for path in built.glob("*annotations*"):
        path.unlink()
    text = "# 우리 낱말\nreplace:\n  erythema: 홍반  # 붉음\n  papule: 구진\n  scale:\n\nkeep:\n- cm  # 단위\n"
    (built / "terms.yaml").write_text(text, encoding="utf-8")
    return built


def opened(folder, name="describe"):
    release = Release(folder, Releases(Corpus(folder)).newest())
    return release, read_prompt(folder, name, release.kinds)


def answer(folder, text, name="describe"):
    """Give every row an answer: `text` may be a function of the row."""
    release, prompt = opened(folder, name)
    with writing(folder) as store:
        store.keep_prompt(prompt.sha256, prompt.id, prompt.model_dump_json())
        rows = list(release.rows(list({*prompt.fields, "label"})))
        store.add(prompt.id, prompt.sha256, prompt.model, [
            Answer(key_of(prompt, row)[0], row.id, "ok", value=text(n, row)) for n, row in enumerate(rows)
        ])  # fmt: skip
    return rows


def held(folder, name="describe"):
    release, prompt = opened(folder, name)
    with reading(folder) as store:
        return annotations(release, prompt, store, ["label"])


def count(folder):
    with reading(folder) as store:
        return store._db.execute("SELECT COUNT(*), COUNT(edits) FROM answers").fetchone()


def told(label, summary):
    return f"<label>{label}</label>\n<summary>{summary}</summary>"


def test_fix_shows_then_writes_then_has_nothing_to_do(folder):
    rows = answer(folder, lambda n, row: told(row.values["label"], "erythema가 있다." if n < 3 else "홍반이 있다."))
    seen = fix(folder)
    assert (seen.edited, seen.changes, seen.applied, seen.answers) == (3, 3, False, len(rows))
    assert seen.terms == {"erythema": 3}
    assert count(folder) == (len(rows), 0)
    done = fix(folder, apply=True)
    assert [e.new for e in done.edits] == [e.new for e in seen.edits]
    assert count(folder) == (len(rows) + 3, 3)
    now = held(folder)
    assert set(now["value"]) == {told(row.values["label"], "홍반이 있다.") for row in rows}
    assert now["made_by"].to_list()[:4] == ["rule", "rule", "rule", "model"]
    assert fix(folder, apply=True).changes == 0
    assert count(folder) == (len(rows) + 3, 3)


def test_an_edit_names_what_it_corrects(folder):
    answer(folder, lambda n, row: told(row.values["label"], "papule"))
    before = dict(held(folder).select("key", "seq").iter_rows())
    fix(folder, apply=True)
    with reading(folder) as store:
        edits = store._db.execute(
            "SELECT key, edits, model, prompt_sha256 FROM answers WHERE edits IS NOT NULL"
        ).fetchall()
    _, prompt = opened(folder)
    assert {(key, seq) for key, seq, _, _ in edits} == set(before.items())
    assert {(model, sha) for _, _, model, sha in edits} == {(prompt.model, prompt.sha256)}


def test_aliases_become_the_class(folder):
    alias = {"건선": "건선증", "아토피": "아토피 피부염"}
    answer(folder, lambda n, row: told(alias.get(row.values["label"], row.values["label"]), "x"))
    done = fix(folder, apply=True)
    assert done.aliases == done.edited > 0
    assert done.contradictions == 0
    assert all(f"<label>{label}</label>" in value for label, value in held(folder).select("label", "value").iter_rows())


def test_parts_may_be_chosen(folder):
    answer(folder, lambda n, row: told("건선증", "papule"))
    only = fix(folder, only=["terms"])
    assert (only.aliases, only.contradictions, only.terms.total()) == (0, 0, only.edited)
    labels = fix(folder, only=["labels"])
    assert labels.terms.total() == 0 < labels.aliases


@pytest.mark.parametrize(("way", "kind"), [("keep", None), ("reject", "rejected"), ("reannotate", "reannotate")])
def test_contradictions_are_never_overwritten(folder, way, kind):
    rows = answer(folder, lambda n, row: told("주사", "홍반이 있다."))
    wrong = sum(row.values["label"] != "주사" for row in rows)
    done = fix(folder, on_contradiction=way, apply=True)
    assert done.contradictions == wrong
    assert done.discarded == (wrong if kind else 0)
    now = held(folder)
    gone = now.filter(pl.col("status") == "discarded")
    assert gone["kind"].to_list() == [kind] * done.discarded
    assert gone["value"].null_count() == len(gone)
    assert (now.filter(pl.col("status") == "ok")["value"] == told("주사", "홍반이 있다.")).all()
    again = fix(folder, on_contradiction=way, apply=True)
    assert again.changes == 0


def test_annotate_asks_again_only_what_it_is_told_to(folder, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "x")
    rows = answer(folder, lambda n, row: told("주사", "홍반"))
    wrong = sum(row.values["label"] != "주사" for row in rows)
    fix(folder, on_contradiction="reject", apply=True)
    seen = mmdata.annotate(folder, "describe", estimate=True)
    assert (seen.before.reused, seen.before.retried) == (len(rows), 0)
    answer(folder, lambda n, row: told("주사", "홍반"))
    fix(folder, on_contradiction="reannotate", apply=True)
    assert mmdata.annotate(folder, "describe", estimate=True).before.retried == wrong


def test_rows_that_share_an_answer_get_one_edit(folder):
    prompt = folder / "prompts" / "same.yaml"
    prompt.write_text("{id: same, model: m, image: null, user: 무엇}", encoding="utf-8")
    try:
        answer(folder, lambda n, row: "papule가", "same")
        done = fix(folder, "same", apply=True)
        assert (done.answers, done.edited) == (1, 1)
        assert set(held(folder, "same")["value"]) == {"구진이"}
        assert fix(folder, apply=True).changes == 0
    finally:
        prompt.unlink()


def test_only_good_answers_are_fixed(folder):
    release, prompt = opened(folder)
    row = next(release.rows(prompt.fields))
    with writing(folder) as store:
        store.keep_prompt(prompt.sha256, prompt.id, prompt.model_dump_json())
        store.add(
            prompt.id, prompt.sha256, prompt.model, [Answer(key_of(prompt, row)[0], row.id, "refused", value="papule")]
        )
    assert fix(folder, apply=True).answers == 0


def test_what_cannot_be_fixed_is_said(folder):
    with pytest.raises(AnnotationError, match=r"no answers to fix\. Prompts with answers: none"):
        fix(folder)
    answer(folder, lambda n, row: "x")
    with pytest.raises(AnnotationError, match=r"no answers to describe_blind to fix\. Prompts with answers: describe"):
        fix(folder, "describe_blind")
    with pytest.raises(CorpusError, match="no prompt 'nope'"):
        fix(folder, "nope")
    with pytest.raises(AnnotationError, match="There are: keep, reject, reannotate"):
        fix(folder, on_contradiction="drop")
    with writing(folder), pytest.raises(AnnotationError, match="another process"):
        fix(folder, apply=True)


def test_a_persons_text_holds(folder):
    rows = answer(folder, lambda n, row: "x")
    set_answer(folder, "describe", rows[1].id, "내가 쓴 글")
    now = held(folder)
    assert now.filter(pl.col("id") == rows[1].id).select("value", "made_by").row(0) == ("내가 쓴 글", "person")
    assert now.filter(pl.col("made_by") == "person").height == 1
    with pytest.raises(AnnotationError, match="no such row"):
        set_answer(folder, "describe", "nobody", "x")


def test_the_screen_and_the_json_tell_the_same(folder):
    answer(folder, lambda n, row: told("주사", "erythema가 있다."))
    done = fix(folder, show=2)
    console = Console(width=200, record=True, file=io.StringIO(), force_terminal=True)
    console.print(as_screen(done))
    shown = console.export_text(styles=True)
    assert "\x1b[9;31merythema가 " in shown
    assert "\x1b[32m홍반이 " in shown
    assert f"and {done.edited - 2:,} more" in shown
    told_too = json.loads(as_json(done))
    assert told_too["edited"] == done.edited
    assert [e["new"] for e in told_too["edits"]] == [told("주사", "홍반이 있다.")] * 2


def test_a_diff_shows_changed_words_only():
    diff = word_diff("가 나 다 라 마 바 erythema가 사 아 자 차 카 타", "가 나 다 라 마 바 홍반이 사 아 자 차 카 타")
    assert diff.plain == "… 다 라 마 바 erythema가 홍반이 사 아 자 차 … "
    assert [(diff.plain[s.start : s.end], s.style) for s in diff.spans] == [
        ("erythema가 ", "red strike"),
        ("홍반이 ", "green"),
    ]


def test_found_words_are_suggested_once(folder):
    answer(
        folder, lambda n, row: told(row.values["label"], "rash와 Rash, erythema와 3 cm scale, 紅" if n < 2 else "홍반")
    )
    before = (folder / "terms.yaml").read_text(encoding="utf-8")
    added = suggest(folder)
    assert added == {"rash": 4, "紅": 2}
    after = (folder / "terms.yaml").read_text(encoding="utf-8")
    assert after == before.replace("  scale:\n", "  scale:\n  rash:  # 4\n  紅:  # 2\n")
    assert suggest(folder) == {}
    assert (folder / "terms.yaml").read_text(encoding="utf-8") == after
    assert fix(folder).terms == {"erythema": 2}


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("", "replace:\n  no word:  # 2\n  \"no\":  # 1\n"),
        ("keep: [cm]", "keep: [cm]\nreplace:\n  no word:  # 2\n  \"no\":  # 1\n"),
        ("replace:\nkeep: []\n", "replace:\n  no word:  # 2\n  \"no\":  # 1\nkeep: []\n"),
        ("replace: {}  # 아직\n", "replace:  # 아직\n  no word:  # 2\n  \"no\":  # 1\n"),
        ("replace: null\n", "replace:\n  no word:  # 2\n  \"no\":  # 1\n"),
        ("replace:\n    a: 가\n    # 끝\n", "replace:\n    a: 가\n    no word:  # 2\n    \"no\":  # 1\n    # 끝\n"),
        ("replace:\r\n  a:\r\nkeep: []\r\n", "replace:\r\n  a:\r\n  no word:  # 2\r\n  \"no\":  # 1\r\nkeep: []\r\n"),
        ("replace:\n  a: |\n    가\n", "replace:\n  a: |\n    가\n  no word:  # 2\n  \"no\":  # 1\n"),
    ],
)  # fmt: skip
def test_entries_are_put_in_and_the_rest_is_left(text, after):
    assert with_entries(text, {"no word": 2, "no": 1}, "terms.yaml") == after
    assert with_entries(after, {}, "terms.yaml") == after


@pytest.mark.parametrize("text", ["{replace: {a: b}}", "replace: {a: b}", "- a"])
def test_a_map_on_one_line_is_not_torn_up(text):
    with pytest.raises(CorpusError, match=r"terms\.yaml: "):
        with_entries(text, {"x": 1}, "terms.yaml")


def test_words_are_counted_in_any_case():
    assert unknown({"Rash": 1, "rash": 3, "IGA": 9, "x": 5}, ["iga"]) == {"x": 5, "rash": 4}


@contextmanager
def server(reply):
    """An OpenAI-compatible server that answers with `reply(sentence)`; gives its URL and the sentences asked."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            sentence = re.match(r"Sentence: (.*)\nForeign words: ", body["messages"][-1]["content"])[1]
            asked.append(sentence)
            status, text = reply(sentence)
            choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            said = (
                {"choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}
                if status == 200
                else {"error": text}
            )
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as it:
        thread = threading.Thread(target=it.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{it.server_port}/v1", asked
        finally:
            it.shutdown()
            thread.join()


def test_a_model_rewrites_only_foreign_sentences_and_is_paid_once(folder):
    first = "erythema가 있다. "
    rows = answer(
        folder, lambda n, row: told(row.values["label"], f"{first}rash가 0.5 cm 보인다. 끝." if n < 4 else "홍반이다.")
    )
    with server(lambda sentence: (200, sentence.replace("rash가", "발진이"))) as (url, asked):
        seen = fix(folder, rewrite=Rewriter(base_url=url))
        assert asked == ["rash가 0.5 cm 보인다."]
        assert (seen.edited, seen.rewritten) == (4, 4)
        done = fix(folder, rewrite=Rewriter(base_url=url), apply=True)
        assert len(asked) == 1
    now = held(folder)
    label = rows[0].values["label"]
    assert now["value"][0] == told(label, "홍반이 있다. 발진이 0.5 cm 보인다. 끝.")
    assert now["made_by"].to_list()[:5] == ["model"] * 5
    assert now.filter(pl.col("seq") > len(rows) + 1).height == done.edited == 4
    with reading(folder) as store:
        assert store.prompts() == ["describe", "describe.rewrite"]
        assert store.newest_prompt("describe") is not None
    again = fix(folder, rewrite=Rewriter(base_url="http://127.0.0.1:9/v1"), apply=True)
    assert (again.changes, again.left) == (0, {})


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("rash와 발진이 보인다.", "foreign words are left"),
        ("발진.", "less than half or more than twice as long"),
        ("<b>발진이</b> 보인다.", "tags were added or taken away"),
        ("발진이\n보인다.", "more than one line"),
    ],
)
def test_a_bad_rewriting_is_left_and_not_asked_for_again(folder, reply, why):
    text = told("건선", "rash가 여기 보인다.")
    answer(folder, lambda n, row: text)
    with server(lambda sentence: (200, reply)) as (url, asked):
        for _ in range(2):
            done = fix(folder, rewrite=Rewriter(base_url=url), apply=True)
            assert (done.edited, done.rewritten) == (0, 0)
            assert done.left == {why: 1}
        assert len(asked) == 1
    assert set(held(folder)["value"]) == {text}


def test_a_server_that_will_not_rewrite_leaves_all_as_it_is(folder):
    answer(folder, lambda n, row: told("건선", "rash가 여기 보인다."))
    with server(lambda sentence: (400, "no")) as (url, asked):
        done = fix(folder, rewrite=Rewriter(base_url=url), apply=True)
        assert done.left == {"the model's answer is failed": 1}
        fix(folder, rewrite=Rewriter(base_url=url))
        assert len(asked) == 2
    with pytest.raises(AnnotationError, match="price of m is not known"):
        fix(folder, rewrite=Rewriter(model="m", base_url="http://127.0.0.1:9/v1", budget=1.0))


def test_rewriting_needs_to_know_what_is_foreign(folder):
    prompt = folder / "prompts" / "free.yaml"
    prompt.write_text("{id: free, model: m, image: null, user: 무엇}", encoding="utf-8")
    try:
        answer(folder, lambda n, row: "rash", "free")
        for attempt in (lambda: fix(folder, "free", rewrite=Rewriter()), lambda: suggest(folder, "free")):
            with pytest.raises(CorpusError, match="which scripts are wanted"):
                attempt()
    finally:
        prompt.unlink()


def test_the_length_of_a_rewriting_is_judged_at_its_edges():
    assert unfit("가" * 10, "나" * 5, ()) == unfit("가" * 10, "나" * 20, ()) == ""
    assert unfit("가" * 10, "나" * 4, ()) and unfit("가" * 10, "나" * 21, ())
