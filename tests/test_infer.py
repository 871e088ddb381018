"""infer.py: every question is answered once, whoever answers it; what cannot be is an error, and the run goes on."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from kit import encoded, photo, put
from openai_server import Act, Server, completion, error, serving
from tiny_models import opened, tiny

from mmdata.predictions import read_predictions
from mmdata.training_recipes import infer
from mmdata.training_recipes.common import generating
from mmdata.training_recipes.common.questions import of_view, question

ASK = "이 정면 사진의 진단명과 소견을 작성해 주세요."


def lines(folder: Path, count: int = 6, pictures: int = 1) -> Path:
    """A batch file whose prompts name their row as the loopback server reads it."""
    rows = []
    for number in range(count):
        names = [f"사진 {number}-{n}.png" for n in range(pictures)]
        for name in names:
            put(folder, name, encoded(photo(f"{number}{name}")))
        rows.append({"id": str(number), "images": names, "prompt": f"⟦{number}⟧ " + "무엇이 보이나요? " * (1 + number)})
    path = folder / "묻기.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def asked(*arguments: object) -> int:
    return infer.main([str(one) for one in arguments])


def here(family: str, *arguments: object) -> int:
    return asked("--model", tiny(family), "--max-new-tokens", 6, *arguments)


def by_id(path: Path):
    found = read_predictions(path)
    assert len({one.id for one in found}) == len(found)
    return {one.id: one for one in found}


@pytest.fixture
def no_model(monkeypatch):
    """Nothing may be opened."""
    monkeypatch.setattr(generating.Model, "__init__", lambda *_: pytest.fail("the model was opened"))


def test_a_view_is_asked_once_and_goes_on_after_a_cut(built_skin, tmp_path, capsys):
    out = tmp_path / "답.jsonl"
    command = ("gemma3", "--folder", built_skin, "--view", "diagnosis", "--out", out)
    assert here(*command) == 0
    rows = of_view(built_skin, "diagnosis", "test")
    found = by_id(out)
    assert len(found) == rows.total == len(out.read_bytes().splitlines())
    one = next(iter(found.values()))
    assert (one.view, one.split, one.version, one.model) == ("diagnosis", "test", "1.0.0", tiny("gemma3"))
    assert one.revision.startswith("sha256:") and one.seconds > 0
    assert len({one.prompt for one in found.values()}) == rows.total, "another picture is another question"
    whole = out.read_bytes()
    out.write_bytes(whole[:-30])  # As a kill leaves it.
    capsys.readouterr()
    assert here(*command, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["answered"], facts["answered before"]) == (1, rows.total - 1)
    assert {id: p.output for id, p in by_id(out).items()} == {id: p.output for id, p in found.items()}
    assert here(*command, "--max-new-tokens", 3) == 0
    assert len(out.read_bytes().splitlines()) == 2 * rows.total, "asked in another way it is another prediction"


def test_what_is_broken_is_an_error_and_the_run_goes_on(tmp_path, monkeypatch, capsys):
    path, out = lines(tmp_path, 5), tmp_path / "답.jsonl"
    (tmp_path / "사진 1-0.png").unlink()
    good = (tmp_path / "사진 2-0.png").read_bytes()
    (tmp_path / "사진 2-0.png").write_bytes(good[: len(good) // 2])
    answers = generating.Model.answers

    def fails(self, questions, *arguments, **settings):
        if any(one.id == "3" for one in questions):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return answers(self, questions, *arguments, **settings)

    monkeypatch.setattr(generating.Model, "answers", fails)
    assert here("qwen3_vl", "--file", path, "--out", out) == 4
    found = by_id(out)
    errors = {id: one.error for id, one in found.items() if one.error}
    assert errors.keys() == {"1", "2", "3"}
    assert "사진 1-0.png" in errors["1"] and "cannot be decoded" in errors["2"] and "out of memory" in errors["3"]
    assert found["0"].output and found["4"].output
    monkeypatch.undo()
    (tmp_path / "사진 2-0.png").write_bytes(good)
    capsys.readouterr()
    assert here("qwen3_vl", "--file", path, "--out", out, "--json") == 4
    facts = json.loads(capsys.readouterr().out)
    assert (facts["answered"], facts["answered before"], facts["errors"]) == (2, 2, 1), "what failed is asked again"
    assert [id for id, one in by_id(out).items() if one.error] == ["1"]


def test_ctrl_c_keeps_what_came(tmp_path, monkeypatch, capsys):
    path, out = lines(tmp_path, 4), tmp_path / "답.jsonl"
    answers, calls = generating.Model.answers, iter(range(9))

    def interrupted(self, *arguments, **settings):
        if next(calls) == 1:
            raise KeyboardInterrupt
        return answers(self, *arguments, **settings)

    monkeypatch.setattr(generating.Model, "answers", interrupted)
    assert here("gemma3", "--file", path, "--out", out, "--batch-size", 2) == 130
    assert "goes on" in capsys.readouterr().err
    assert by_id(out).keys() == {"0", "1"}


def test_one_picture_is_answered_aloud(tmp_path, capsys):
    picture = put(tmp_path, "얼굴.png", encoded(photo(1)))
    talk = "Q: is it sunny?\\nA: yes\\n\\nQ: who is there?"
    assert here("gemma3", "--image", picture, "--conversation", f"해변 사진\\n\\n{talk}", "--ask", "Answer.") == 0
    turns = [("user", "해변 사진\n\nis it sunny?"), ("assistant", "yes"), ("user", "who is there?\n\nAnswer.")]
    asked_in = [{"role": role, "content": said} for role, said in turns]
    wanted = opened("gemma3").answers([question("", [picture.read_bytes()], asked_in)], 6, 0.0)[0]
    assert capsys.readouterr().out == wanted + "\n"
    picture.write_bytes(b"no picture")
    assert here("gemma3", "--image", picture, "--ask", ASK) == 4
    assert capsys.readouterr().out.startswith("error: the content is not a picture")


def test_a_mistake_is_said_before_a_model_is_opened(built_skin, tmp_path, no_model):
    path = lines(tmp_path, 1)
    folder, out = ("--folder", built_skin), ("--out", tmp_path / "답.jsonl")
    (tmp_path / "빈").mkdir()
    wrong = tmp_path / "틀린.jsonl"
    wrong.write_text('{"id": "1", "prompt": "a"}\n{"id": "2"}\n', encoding="utf-8")
    for arguments, words in [
        (folder + out, "--view is missing"),
        (("--file", path), "--out is missing"),
        ((*folder, *out, "--view", "diagnose"), "There are:"),
        ((*folder, *out, "--view", "diagnosis", "--split", "tset"), "tset"),
        ((*folder, *out, "--view", "diagnosis", "--version", "9.9.9"), "9.9.9"),
        (("--file", wrong, *out), "line 2: "),
        (("--file", tmp_path / "none.jsonl", *out), "none.jsonl cannot be read"),
        (("--image", path), "nothing is asked"),
    ]:
        with pytest.raises(SystemExit, match=words):
            here("gemma3", *arguments)


def behave(row: str, call: int) -> Act:
    """As servers are: a limit, a fault, a refusal, a wrong request, an answer that is cut."""
    if row == "1" and call == 1:
        return Act(429, error("Rate limit reached", "rate_limit_exceeded"), {"retry-after-ms": "20"})
    if row == "2" and call < 3:
        return Act(503, error("starting"))
    if row == "3":
        return Act(400, error("the picture is too large"))
    if row == "4":
        return Act(body=completion(" 잘린 답", "length"))
    if row == "5":
        return Act(body=completion(None, refusal="말할 수 없습니다."))
    return Act(body=completion(f"답 {row}"))


def test_a_server_is_asked_until_it_answers(tmp_path, capsys):
    path, out = lines(tmp_path, 8, pictures=2), tmp_path / "답.jsonl"
    with serving(Server(behave)) as server:
        command = ("--base-url", server.url, "--model", "피부", "--file", path, "--out", out, "--max-new-tokens", 9)
        assert asked(*command) == 4
        body = json.loads(server.bodies[0].partition(b"\r\n\r\n")[2])
        assert body["model"] == "피부" and body["max_tokens"] == 9 and body["temperature"] == 0
        kinds = [part["type"] for part in body["messages"][0]["content"]]
        assert kinds == ["image_url", "image_url", "text"]
        found = by_id(out)
        assert {id: one.output for id, one in found.items() if one.error is None} == {
            "0": "답 0", "1": "답 1", "2": "답 2", "4": " 잘린 답", "5": "말할 수 없습니다.", "6": "답 6", "7": "답 7",
        }  # fmt: skip
        assert "too large" in found["3"].error
        assert found["0"].revision == "" and found["0"].seconds > 0
        server.forget()
        capsys.readouterr()
        assert asked(*command, "--json") == 4
        assert set(server.calls) == {"3"}, "only what failed is asked again"
        assert json.loads(capsys.readouterr().out)["answered before"] == 7
    with pytest.raises(SystemExit, match="no such model"), serving(Server(lambda *_: Act(404, error("x")))) as server:
        asked("--base-url", server.url, "--model", "nope", "--file", path, "--out", tmp_path / "o.jsonl")


def test_killed_it_goes_on(tmp_path):
    path, out = lines(tmp_path, 40), tmp_path / "답.jsonl"
    with serving(Server(behave=lambda row, call: Act(body=completion(f"답 {row}")), latency=(0.05, 0.1))) as server:
        command = ["--base-url", server.url, "--model", "m", "--file", path, "--out", out, "--concurrency", "2"]
        process = subprocess.Popen([sys.executable, infer.__file__, *map(str, command)])
        deadline = time.monotonic() + 60
        while not out.exists() or out.read_bytes().count(b"\n") < 5:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        kept = out.read_bytes().count(b"\n")
        assert asked(*command) == 0
        assert server.calls.total() <= 40 + 4, "what is in the file is not asked again"
    assert kept < 40
    assert {id: one.output for id, one in by_id(out).items()} == {str(n): f"답 {n}" for n in range(40)}


def test_the_answer_shown_is_the_one_that_was_asked_for(tmp_path, capsys):
    pictures = [put(tmp_path, f"{n}.png", encoded(photo(n))) for n in range(2)]
    said = []
    for picture in (*pictures, pictures[0]):
        flags = ("--ask", "무엇?", "--out", tmp_path / "말.jsonl", "--json", "--temperature", 1)
        assert here("gemma3", "--image", picture, *flags) == 0
        said.append(json.loads(capsys.readouterr().out)["said"])
    assert said[2] == said[0] != said[1]


@pytest.mark.parametrize(("name", "words"), [("없는/폴더/다", "no such folder"), ("{empty}", "no model is there"), ("a/b", "no such folder, and the Hub")])  # fmt: skip
def test_a_model_that_is_none_is_one_message(name, words, tmp_path):
    (tmp_path / "빈").mkdir()
    with pytest.raises(SystemExit, match=words):
        asked("--model", name.format(empty=tmp_path / "빈"), "--file", lines(tmp_path, 1), "--out", tmp_path / "o")
