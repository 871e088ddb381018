"""Files of predictions: kept line by line, gone on with after a kill, read with every mistake named."""

import os
import signal
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mmdata.errors import MmdataError
from mmdata.predictions import Prediction, PredictionFile, held, lines_of, read_predictions

ASKED = {"view": "diagnosis", "split": "test", "version": "1.0.0", "model": "m", "revision": ""}


def said(id="a", output="건선", **kw):
    given = {"view": "diagnosis", "split": "test", "version": "1.0.0", "model": "m", "prompt": "p", "seconds": 0.5}
    answer = {} if {"scores", "vector", "error"} & kw.keys() else {"output": output}
    return Prediction(**{"id": id, **given, **answer, **kw})


ANSWERS = st.one_of(
    st.fixed_dictionaries({"output": st.text()}),
    st.fixed_dictionaries({"error": st.text()}),
    st.fixed_dictionaries({"scores": st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5)}),
    st.fixed_dictionaries({"vector": st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5)}),
)


@given(
    lines=st.lists(st.tuples(st.text(st.characters(codec="utf-8"), min_size=1), ANSWERS), min_size=1, max_size=8),
    cut=st.integers(1, 200),
)
def test_what_is_added_is_read_again_however_the_last_line_is_cut(tmp_path_factory, lines, cut):
    path = tmp_path_factory.mktemp("예측") / "p.jsonl"
    made = [said(id, **answer) for id, answer in lines]
    with PredictionFile(path) as file:
        for one in made:
            file.add(one)
    assert lines_of(path) == made
    content = path.read_bytes()
    *_, last = content.splitlines(keepends=True)
    path.write_bytes(content[: -min(cut, len(last))])  # Nothing of it, half of it, or all but its end is left.
    kept = made if cut == 1 else made[:-1]
    with PredictionFile(path) as file:
        assert file.predictions == kept
        file.add(made[-1])
    assert lines_of(path) == [*kept, made[-1]]


def test_a_cut_line_is_no_mistake_to_a_reader(tmp_path):
    path = tmp_path / "p.jsonl"
    path.write_text(f'{said().model_dump_json()}\n{{"id":"b","vie')
    assert [one.id for one in read_predictions(path)] == ["a"]
    assert path.read_text().endswith('"vie'), "it is another's to remove"


CHILD = """
import sys
from mmdata.predictions import Prediction, PredictionFile
with PredictionFile(sys.argv[1]) as file:
    for n in range(10**6):
        file.add(Prediction(id=str(n), view="v", split="s", version="1", model="m", prompt="p", output="가" * 5000, seconds=0))
"""


def test_a_killed_run_loses_nothing_that_it_had(tmp_path):
    path = tmp_path / "p.jsonl"
    child = subprocess.Popen([sys.executable, "-c", CHILD, str(path)])
    until = time.monotonic() + 20
    while not (path.exists() and path.stat().st_size > 10**6) and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(MmdataError, match=r"p\.jsonl: another process is adding predictions to it"):
        PredictionFile(path)
    child.send_signal(signal.SIGKILL)
    child.wait()
    with PredictionFile(path) as file:
        assert [one.id for one in file.predictions] == [str(n) for n in range(len(file.predictions))]
        assert len(file.predictions) > 60
        asked = ASKED | {"view": "v", "split": "s", "version": "1"}
        assert file.done(**asked) == {(one.id, "p") for one in file.predictions}


def test_what_is_done_is_what_this_model_answered(tmp_path):
    with PredictionFile(tmp_path / "neu" / "p.jsonl") as file:
        for one in (
            said("a"),
            said("b", error="timeout"),
            said("c", model="other"),
            said("d", revision="r"),
            said("e", output=""),
        ):
            file.add(one)
        assert file.done(**ASKED) == {("a", "p"), ("e", "p")}
        assert file.done(**(ASKED | {"revision": "r"})) == {("d", "p")}


@pytest.mark.parametrize("other", [{"view": "chat"}, {"split": "train"}, {"version": "1.1.0"}])
def test_an_answer_about_another_view_split_or_release_is_none(tmp_path, other):
    """The same question has the same prompt there; it is asked once more, as `evaluate` would not find the answer."""
    with PredictionFile(tmp_path / "p.jsonl") as file:
        file.add(said("a", **other))
        assert file.done(**ASKED) == set()
        assert file.done(**(ASKED | other)) == {("a", "p")}


def test_of_several_about_one_row_the_last_answer_counts():
    lines = [
        said("a", "1"),
        said("b", error="x"),
        said("a", "2"),
        said("a", error="y"),
        said("b", "3"),
        said("c", error="1"),
        said("c", error="2"),
    ]
    assert [one.output or one.error for one in held(lines)] == ["2", "3", "2"]
    assert (
        len(
            held(
                [
                    said("a"),
                    said("a", model="other"),
                    said("a", revision="r"),
                    said("a", split="train"),
                    said("a", version="2"),
                ]
            )
        )
        == 5
    )


def test_a_file_that_is_none_of_ours_is_left_alone(tmp_path):
    for text in ('{"model": "gpt"}', "name: 말뭉치", "PAR1\x15\x04"):
        path = tmp_path / "other"
        path.write_text(text)
        with pytest.raises(MmdataError, match="other, line 1: "):
            PredictionFile(path)
        assert path.read_text() == text


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id":"x"}', "line 2: no prediction, it lacks view, split, version, model, prompt, seconds"),
        ("[1", "line 2: .*Invalid JSON"),
        (said().model_dump_json().replace('"seconds"', '"sekunden"'), "line 2: .*lacks seconds"),
        (said().model_dump_json()[:-1] + ',"label":3}', "line 2: label: Extra inputs are not permitted"),
        (said().model_dump_json(exclude={"output"}), "exactly one of output, scores, vector and error, not none of them"),
        (said().model_dump_json()[:-1].replace('"error":null', '"error":"e"') + "}", "not output and error"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(tmp_path, line, message):
    path = tmp_path / "p.jsonl"
    path.write_text(f"{said().model_dump_json()}\n{line}\n\n")
    with pytest.raises(MmdataError, match=message):
        read_predictions(path)


def test_no_file_and_an_empty_one(tmp_path):
    with pytest.raises(MmdataError, match=r"none\.jsonl: no predictions can be read there \(No such file.*infer\.py"):
        read_predictions(tmp_path / "none.jsonl")
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(MmdataError, match="holds no prediction"):
        read_predictions(tmp_path / "empty.jsonl")
    with pytest.raises(MmdataError, match="cannot be kept here"):
        PredictionFile(tmp_path)


def test_a_full_disk_leaves_whole_lines(tmp_path, monkeypatch):
    with PredictionFile(tmp_path / "p.jsonl") as file:
        file.add(said("a"))

        class Full:
            """Writes half, as a full disk does."""

            def __init__(self, real):
                self.real = real

            def __getattr__(self, name):
                return getattr(self.real, name)

            def write(self, data):
                return self.real.write(data[: len(data) // 2])

        real, file._file = file._file, Full(file._file)
        with pytest.raises(MmdataError, match=r"No space left on device.*has room"):
            file.add(said("b"))
        file._file = real
        assert [one.id for one in lines_of(tmp_path / "p.jsonl")] == ["a"]
        file.add(said("c"))
        assert [one.id for one in file.predictions] == ["a", "c"]
    assert os.path.getsize(tmp_path / "p.jsonl") == sum(
        len(one.model_dump_json(exclude_none=True).encode()) + 1 for one in file.predictions
    )


def test_half_a_surrogate_pair_can_be_written(tmp_path):
    with PredictionFile(tmp_path / "p.jsonl") as file:
        file.add(said("a", "앞\ud83d뒤 \ud83d\ude00"))
    assert read_predictions(tmp_path / "p.jsonl")[0].output == "앞�뒤 😀"


def test_numbers_are_numbers():
    for wrong in ({"scores": [float("nan")]}, {"vector": [float("inf")]}, {"seconds": -1}, {"id": ""}):
        with pytest.raises(ValidationError):
            said(**wrong)
