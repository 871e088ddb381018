"""Which edits of a corpus folder call for another build: those of code that makes rows, and no other."""

import shutil

import pytest

import mmdata
from mmdata.corpus import OVER_ROWS, Corpus
from mmdata.engine import Engine


def digests(folder) -> tuple[str, str]:
    return Corpus(folder).code_digest(of_rows=True), Corpus(folder).code_digest()


def edit(folder, name: str, code: str) -> None:
    path = folder / name
    path.write_text((path.read_text(encoding="utf-8") if path.exists() else "") + f"\n{code}\n", encoding="utf-8")


@pytest.fixture(scope="module")
def _birds(tmp_path_factory):
    return mmdata.new("birds", tmp_path_factory.mktemp("새"))


@pytest.fixture
def folder(_birds, tmp_path):
    return shutil.copytree(_birds, tmp_path / "birds")


@pytest.mark.parametrize("name", sorted(OVER_ROWS))
def test_functions_over_rows_decide_nothing_about_them_unless_what_makes_rows_imports_them(name, folder):
    rows, all_of_it = digests(folder)
    edit(folder, f"{name}.py", "KEYS = ('a',)")
    edit(folder, "exports.py", f"from .{name} import KEYS")  # They may import one another.
    assert digests(folder)[0] == rows and digests(folder)[1] != all_of_it
    edit(folder, "records.py", f"def keys():\n    from .{name} import KEYS\n    return KEYS")
    before = digests(folder)[0]
    edit(folder, f"{name}.py", "KEYS = ('b',)")
    assert digests(folder)[0] != before


@pytest.mark.parametrize("code", ["from . import views, labels", "from .views.deep import KEYS", "def ("])
def test_another_way_to_import_them_counts_too_and_so_does_what_cannot_be_read(code, folder):
    edit(folder, "records.py", code)
    before = digests(folder)[0]
    edit(folder, "views.py", "KEYS = ()")
    assert digests(folder)[0] != before


@pytest.mark.parametrize("name", ["builder.py", "records.py", "labels.yaml"])
def test_what_makes_rows_counts(name, folder):
    before = digests(folder)[0]
    edit(folder, name, "# an edit")
    assert digests(folder)[0] != before


def test_an_edited_metric_calls_for_no_build(built_skin, monkeypatch):
    mmdata.build(built_skin, built_skin / "tiny", workers=1)
    edit(built_skin, "metrics.py", "# an edit")
    monkeypatch.setattr(Engine, "run", None)
    made = mmdata.build(built_skin, built_skin / "tiny", workers=1)
    assert (made.created, made.version) == (False, "1.0.0")
    assert made.manifest.code["sha256"] == Corpus(built_skin).code_digest(of_rows=True)
    edit(built_skin, "builder.py", "# an edit")
    with pytest.raises(TypeError):
        mmdata.build(built_skin, built_skin / "tiny", workers=1)
