"""Preflight: what a row comes to in tokens, and all that training would lose, before a model is loaded."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, Features, Image, IterableDataset, List, Value
from kit import encoded, photo
from rich.console import Console
from tiny_models import tiny
from training import arguments

import mmdata
from mmdata.training_recipes import preflight
from mmdata.training_recipes.common import opening, tokens

PROMPT = [{"role": "user", "content": "무엇이 보입니까?"}]


def picture(content: bytes) -> dict:
    return {"bytes": content, "path": "사진.png"}


@pytest.fixture
def folder(tmp_path):
    """Writes rows as a dataset of no corpus, on the disk as a written view is: (id, pictures' bytes, answer)."""

    def write(*rows):
        turn = List({"role": Value("string"), "content": Value("string")})
        kinds = {"id": Value("string"), "images": List(Image(decode=False)), "prompt": turn, "completion": turn}
        made = [
            {
                "id": id,
                "images": [picture(one) for one in pictures],
                "prompt": PROMPT,
                "completion": [{"role": "assistant", "content": answer}],
            }
            for id, pictures, answer in rows
        ]
        (tmp_path / "data").mkdir()
        Dataset.from_list(made, features=Features(kinds)).cast_column("images", List(Image())).to_parquet(
            tmp_path / "data" / "train.parquet"
        )
        return tmp_path / "data"

    return write


def measured(dataset, tmp_path, family="gemma3", **given):
    given = {
        "dataset_config": "default",
        "dataset_version": "none",
        "eval_strategy": "no",
        "save_strategy": "no",
    } | given
    args, training, model = arguments(
        "tiny_skin_gemma", tmp_path / "out", dataset_name=dataset, load_best_model_at_end=False, **given
    )
    args.dataset_version = None  # No corpus, no releases.
    train, _ = opening.open_chat(args, training)
    processor = opening.chat_processor(args, training, model)
    return tokens.measured(train, "train", processor, training, args)


GOOD = encoded(photo(1))


def test_tokens_are_counted_and_each_fault_names_its_rows(folder, tmp_path):
    data = folder(
        ("가/1", [GOOD], "붉은 판."),
        ("가/2", [GOOD[:200]], "붉은 판."),
        ("가/3", [b"not a picture"], "붉은 판."),
        ("가/4", [GOOD], " "),
        ("가/5", [GOOD, GOOD], "붉은 판 둘."),
        ("가/6", [], "글만."),
    )
    found = measured(data, tmp_path)
    assert found.rows == 6
    assert found.pictures == [4, 4, 8, 0]
    answer = len(tokenizer().encode("붉은 판.<end_of_turn>\n", add_special_tokens=False))
    assert found.answer[0] == answer and found.tokens[0] > answer + 4
    said = {fault.what: (fault.ids, fault.level) for fault in found.faults}
    assert said == {
        "a picture cannot be decoded": (["가/2", "가/3"], "error"),
        "the answer is empty": (["가/4"], "error"),
    }
    (broken, _) = found.faults
    assert "truncated" in broken.example or "cannot identify" in broken.example
    two = measured(data, tmp_path, dataset_num_proc=2, completion_only_loss=True)
    assert two == found


def tokenizer():
    return opening.open_processor(tiny("gemma3")).tokenizer


def test_a_row_that_the_processor_cannot_take_is_named(tmp_path):
    turns = [{"role": "user", "content": [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "둘?"}]}]
    rows = [
        {
            "images": [photo(1)],
            "prompt": turns,
            "completion": [{"role": "assistant", "content": [{"type": "text", "text": "하나"}]}],
        }
    ]
    args, training, model = arguments("tiny_skin_gemma", tmp_path / "out")
    args.dataset_version = None
    stream = IterableDataset.from_generator(lambda: iter(rows))
    found = tokens.measured(stream, "train", opening.chat_processor(args, training, model), training, args)
    (fault,) = found.faults
    assert (fault.what, fault.ids) == ("the processor cannot take it", ["row 0"])
    assert "Number of images provided (1) does not match" in fault.example


def test_what_was_found_is_remembered_until_something_changes(folder, tmp_path, monkeypatch):
    data = folder(("1", [GOOD], "예."), ("2", [GOOD], "아니오."))
    first = measured(data, tmp_path)
    monkeypatch.setattr(tokens._Measure, "__call__", None)
    assert measured(data, tmp_path) == first
    cut = measured(data, tmp_path, max_length=9)  # Judged by what is remembered.
    assert [fault.what for fault in cut.faults] == ["max_length 9 cuts a picture"]
    with pytest.raises(TypeError):
        measured(data, tmp_path, model_name_or_path=tiny("qwen3_vl"))


def test_targets_that_the_corpus_cannot_read_or_calls_wrong_are_named(tmp_path):
    args, training, model = arguments("tiny_skin_gemma", tmp_path / "out")
    train, _ = opening.open_chat(args, training)
    said = {0: "<label>수두</label>", 1: "라벨이 없습니다.", 2: "<label>아토피</label><summary>홍반</summary>"}
    ids = train["id"]

    def other(row, number):
        return {"completion": [{"role": "assistant", "content": said[number]}]} if number in said else row

    processor = opening.chat_processor(args, training, model)
    found = tokens.measured(train.map(other, with_indices=True), "train", processor, training, args)
    unread, wrong = found.faults
    assert (unread.ids, unread.level) == (ids[:2], "error") and "cannot read" in unread.what
    assert "수두" in unread.example
    assert (wrong.ids, wrong.level) == ([ids[2]], "warning")
    assert wrong.example.endswith(": read as 아토피, should be 건선 (홍반)")
    with pytest.raises(SystemExit, match="cannot read the target: 2 rows"):
        preflight.checked(train.map(other, with_indices=True), None, processor, training, args)


def test_it_is_shown_as_a_table_and_a_histogram_or_as_json(folder, tmp_path, capsys):
    found = measured(
        folder(("하나", [GOOD], "예."), ("둘", [GOOD[:99]], "아니오. " * 20), ("셋", [GOOD], "아니오. " * 9)), tmp_path
    )
    screen = io.StringIO()
    preflight.show(found, Console(file=screen, width=100))
    shown = screen.getvalue()
    assert "train: 3 rows" in shown and "median" in shown and "█" in shown
    assert "error: a picture cannot be decoded: 1 row: 둘" in shown
    args, training, model = arguments("tiny_skin_gemma", tmp_path / "out")
    with pytest.raises(SystemExit) as ended:
        preflight.main(preflight.PreflightArguments(**(vars(args) | {"json": True})), training, model)
    assert not ended.value.code
    train, test = json.loads(capsys.readouterr().out)
    assert (train["split"], len(train["tokens"]), test["rows"]) == ("train", 24, 12)


def test_a_template_without_marks_is_said(tmp_path):
    args, training, model = arguments("tiny_visdial_gemma3_4b", tmp_path / "out")
    processor = opening.chat_processor(args, training, model)
    processor.chat_template = "{% for m in messages %}{{ m.role }}: {{ m.content[0].text }}\n{% endfor %}"
    with pytest.raises(SystemExit, match=r"assistant_only_loss: .* \{% generation %\} .*chat_template_path"):
        tokens.collator_of(processor, training, ["images", "messages"])


def test_a_label_outside_the_map_is_said_with_its_row(tmp_path):
    corpus = mmdata.new("outside", tmp_path, like="skin")
    (path,) = (corpus / "sample").glob("train-*.parquet")
    table = pq.read_table(path)
    labels = table["label"].to_pylist()
    at = table.schema.get_field_index("label")
    field = table.schema.field(at)
    table = table.set_column(at, field, pa.array([*labels[:-1], 99], field.type))
    pq.write_table(table, path)
    args, training, _ = arguments("tiny_skin_gemma", tmp_path / "out", dataset_name=corpus)
    with pytest.raises(
        SystemExit, match=r"Invalid integer class label 99 \(while making the view chat of row 'train/지루"
    ):
        opening.open_chat(args, training)


def test_a_stream_is_measured_like_the_rows_on_the_disk(tmp_path):
    found = []
    for streaming in (False, True):
        args, training, model = arguments("tiny_skin_gemma", tmp_path / "out", dataset_streaming=streaming)
        train, _ = opening.open_chat(args, training)
        found.append(tokens.measured(train, "train", opening.chat_processor(args, training, model), training, args))
    assert found[0] == found[1] and isinstance(train, IterableDataset)
