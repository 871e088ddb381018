"""Every shipped corpus walks the whole loop: built, annotated, checked, fixed, released, published, fetched again."""

import shutil

import datasets
import pytest

import mmdata
from mmdata.annotation.prompt import prompts_in
from mmdata.corpus import HOME, Corpus, corpora_in
from mmdata.releases import Releases
from mmdata.replay import replaying
from mmdata.views import functions_in


@pytest.mark.slow
@pytest.mark.parametrize("shipped", list(corpora_in(HOME)), ids=lambda folder: folder.name)
def test_a_corpus_walks_the_loop(shipped, hub, tmp_path, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-loopback-0123456789abcdef")
    folder = mmdata.new(shipped.name, tmp_path / "내 말뭉치", like=shipped.name)
    mmdata.build(folder, folder / "tiny")
    prompt = next(iter(prompts_in(folder)))
    with replaying(folder / "tiny_answers.jsonl") as url:
        for again in ((), ("refused", "truncated", "invalid", "empty", "failed")):
            mmdata.annotate(folder, prompt, base_url=url, retry=again)
    report = mmdata.check(folder, html=tmp_path / "report.html")
    assert sum(report.answers[prompt].values()) == sum(Releases(Corpus(folder)).newest().splits.values())
    mmdata.fix(folder, prompt, apply=True)
    released = mmdata.release(folder)
    assert released.manifest.annotations[0].column == prompt
    repo = f"my-team/{shipped.name}"
    mmdata.push(folder, repo, private=True)
    pulled = mmdata.pull(repo, into=tmp_path / "받은 것" / shipped.name)
    assert pulled.adopted[prompt] > 0
    ours, theirs = (datasets.load_dataset(str(path)) for path in (folder, pulled.folder))
    assert {split: rows["id"][:] for split, rows in ours.items()} == {
        split: rows["id"][:] for split, rows in theirs.items()
    }
    assert mmdata.check(pulled.folder).count("error") == mmdata.check(folder, prompts=[prompt]).count("error")
    for view in functions_in(Corpus(folder), "views", "row"):
        for split in ours:
            list(mmdata.view(folder, view, split=split))
    for format in functions_in(Corpus(folder), "exports", "rows"):
        done = mmdata.export(folder, format, into=tmp_path / format)
        assert done.files
    shutil.rmtree(folder)
