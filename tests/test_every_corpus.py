"""Every shipped corpus walks the whole loop: built, annotated, checked, fixed, released, published, fetched again."""

import shutil

import datasets
import pytest

import mmdata
from mmdata.annotation.prompt import awaited_by, parse_prompt, prompts_in
from mmdata.corpus import HOME, Corpus, corpora_in
from mmdata.functions import functions_in
from mmdata.reading import Release
from mmdata.releases import Releases
from mmdata.replay import replaying


@pytest.mark.slow
@pytest.mark.parametrize("shipped", list(corpora_in(HOME)), ids=lambda folder: folder.name)
def test_a_corpus_walks_the_loop(shipped, hub, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-0123456789abcdef")
    folder = mmdata.new(shipped.name, tmp_path / "내 말뭉치", like=shipped.name)
    mmdata.build(folder, folder / "tiny")
    prompts = {name: parse_prompt(path) for name, path in prompts_in(folder).items()}
    columns = [name for name, prompt in prompts.items() if prompt.over is None]
    with replaying(folder / "tiny_answers.jsonl") as url:

        def answered(name):
            for again in ((), ("refused", "truncated", "invalid", "empty", "failed")):
                mmdata.annotate(folder, name, base_url=url, retry=again)

        for name, prompt in prompts.items():
            if prompt.over is not None:
                answered(name)
        left = set(columns)
        while left:  # A prompt may ask about the answers to another, which a release must have first.
            kinds = Release(folder, Releases(Corpus(folder)).newest()).kinds
            now = {name for name in left if not awaited_by(folder, prompts[name], kinds)}
            assert now, left
            for name in now:
                answered(name)
            left -= now
            if left:
                mmdata.release(folder)
    report = mmdata.check(folder, html=tmp_path / "report.html")
    rows = sum(Releases(Corpus(folder)).newest().splits.values())
    assert {name: sum(report.answers[name].values()) for name in columns} == dict.fromkeys(columns, rows)
    mmdata.fix(folder, apply=True)
    released = mmdata.release(folder)
    assert {note.column for note in released.manifest.annotations} == set(columns)
    repo = f"my-team/{shipped.name}"
    mmdata.push(folder, repo, private=True)
    pulled = mmdata.pull(repo, into=tmp_path / "받은 것" / shipped.name)
    assert pulled.adopted.keys() == set(columns) and all(pulled.adopted.values())
    ours, theirs = (datasets.load_dataset(str(path)) for path in (folder, pulled.folder))
    assert {split: rows["id"][:] for split, rows in ours.items()} == {
        split: rows["id"][:] for split, rows in theirs.items()
    }
    assert mmdata.check(pulled.folder).count("error") == mmdata.check(folder, prompts=columns).count("error")
    for view in functions_in(Corpus(folder), "views", "row"):
        for split in ours:
            list(mmdata.view(folder, view, split=split))
    for format in functions_in(Corpus(folder), "exports", "rows"):
        done = mmdata.export(folder, format, into=tmp_path / format)
        assert done.files
    shutil.rmtree(folder)
