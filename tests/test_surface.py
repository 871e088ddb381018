"""What the package shows, what it imports, and what a wheel of it holds."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import mmdata
import mmdata.schemas

ROOT = Path(__file__).parent.parent
HEAVY = {"datasets", "huggingface_hub", "obstore", "pandas", "polars", "pyarrow", "torch", "transformers", "trl"}
LONG = {
    "mmdata/cli.py": "the arguments of every verb, and nothing else",
    "tests/test_annotate.py": "one counting server, all that may become of a run",
    "tests/test_batch.py": "one batch server, all that may become of a batch",
    "tests/test_checks.py": "a good and a bad row for each of 36 checks",
    "tests/test_faulty_servers.py": "a test for each fault of a server",
    "tests/test_fix.py": "one store, all that may become of an answer",
    "tests/test_html_report.py": "one browser, all that a person does with a report",
    "tests/test_limits.py": "one clock, all that a server says of its limits",
}
"""Files over 300 lines, each with its reason."""


def modules_of(path: Path) -> set[str]:
    """Dotted names that a file imports, relative ones from its own folder on as `.name`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found |= {base} if node.module else {base + alias.name for alias in node.names}
    return found


def tops(path: Path) -> set[str]:
    """First parts of what a file imports from elsewhere."""
    return {module.split(".")[0] for module in modules_of(path) if not module.startswith(".")}


def python_files(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*.py") if "data" not in p.parts)


# What is shown


@pytest.mark.parametrize("package", [mmdata, mmdata.schemas], ids=lambda package: package.__name__)
def test_all_is_sorted_complete_and_importable(package):
    assert list(package.__all__) == sorted(set(package.__all__))
    for name in package.__all__:
        assert getattr(package, name).__doc__, name


def test_all_of_mmdata_is_what_its_table_gives():
    assert mmdata.__all__ == sorted(mmdata._HOME)
    assert set(mmdata.__all__) <= set(dir(mmdata))


def test_all_of_schemas_is_every_public_class():
    public = {
        node.name
        for path in python_files("schemas")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    }
    assert set(mmdata.schemas.__all__) == public


def test_an_unknown_name_is_said():
    with pytest.raises(AttributeError, match="'mmdata' has no attribute 'biuld'"):
        _ = mmdata.biuld


def run(code: str, *, cwd: Path = ROOT, path: str = "") -> str:
    """What Python, started anew, prints."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


# What is imported


@pytest.mark.parametrize("module", ["mmdata", "mmdata.cli"])
def test_importing_it_is_light(module):
    loaded = run(f"import {module}, sys; print(*sys.modules)").split()
    assert HEAVY & set(loaded) == set()


def test_annotate_starts_without_what_it_does_not_need():
    loaded = run("import mmdata.verbs.annotate, sys; print(*sys.modules)").split()
    assert {"datasets", "sklearn", "torch"} & set(loaded) == set(), "a second of waiting before the first question"


def test_schemas_import_pydantic_and_the_standard_library():
    for path in python_files("schemas"):
        assert tops(path) - set(sys.stdlib_module_names) <= {"pydantic"}, path
        assert not any(module.startswith("..") for module in modules_of(path)), path


def test_the_engine_knows_no_corpus_no_recipe_and_no_trainer():
    for path in python_files("mmdata"):
        allowed = {"schemas"} if path == ROOT / "mmdata/schemas.py" else set()
        never = {"schemas", "dataset_builders", "training_recipes", "torch", "trl", "transformers"} - allowed
        assert tops(path) & never == set(), path
        below = {".".join(module.split(".")[:2]) for module in modules_of(path)}
        assert below & {"mmdata.dataset_builders", "mmdata.training_recipes"} == set(), path


@pytest.mark.parametrize("path", python_files("dataset_builders"), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_corpus_knows_no_other_and_no_recipe(path):
    never = {"schemas", "dataset_builders", "training_recipes", "torch", "trl", "transformers"}
    never |= {other.name for other in (ROOT / "dataset_builders").iterdir()} - {"datasets"}
    assert tops(path) & never == set()
    assert not any(module.startswith(("..", "mmdata.dataset_builders")) for module in modules_of(path))


def test_a_recipe_is_read_on_two_screens():
    for path in sorted((ROOT / "training_recipes").glob("*.py")):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= 130, path


def test_no_file_is_long_without_a_reason():
    folders = ["mmdata", "schemas", "dataset_builders", "training_recipes", "tests", "docs"]
    long = {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in python_files(folder)
        if len(path.read_text(encoding="utf-8").splitlines()) > 300
    }
    assert long == set(LONG)


# The wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built where a release and an annotation store lie about, and the files it should hold."""
    work = tmp_path_factory.mktemp("wheel")
    clone = work / "clone"
    clone.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, clone)
    for name in ("mmdata", "schemas", "dataset_builders", "training_recipes"):
        shutil.copytree(
            ROOT / name, clone / name, ignore=shutil.ignore_patterns(".*", "__pycache__", "data", "*.sqlite*")
        )
    there = {path.relative_to(clone).as_posix() for path in clone.rglob("*") if path.is_file()}
    skin = clone / "dataset_builders/skin"
    (skin / "data/9.9.9").mkdir(parents=True)
    for name in ("data/9.9.9/train.parquet", ".huggingface.yaml", ".cache.sqlite", "annotations.sqlite-wal"):
        (skin / name).write_bytes(b"private")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(work), str(clone)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (built,) = work.glob("*.whl")
    return built, there


@pytest.mark.slow
def test_the_wheel_holds_what_it_should(wheel):
    built, there = wheel
    with zipfile.ZipFile(built) as opened:
        names = opened.namelist()
        private = [name for name in names if opened.read(name) == b"private"]
    assert private == []
    assert len(set(names)) == len(names)
    package = {name for name in names if ".dist-info/" not in name}
    engine = {name for name in there if name.startswith("mmdata/")} - {
        "mmdata/schemas.py",
        "mmdata/training_recipes.py",
    }
    beside = {
        f"mmdata/{name}" for name in there if name.startswith(("schemas/", "dataset_builders/", "training_recipes/"))
    }
    assert package == engine | beside
    assert {
        "mmdata/schemas/__init__.py",
        "mmdata/template/gitignore",
        "mmdata/dataset_builders/skin/builder.py",
    } <= package


@pytest.mark.slow
def test_the_installed_wheel_works_away_from_the_checkout(wheel, tmp_path):
    built, _ = wheel
    site, home = tmp_path / "site", tmp_path / "집"
    home.mkdir()
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*pip, str(built)], check=True, capture_output=True)
    demo = [sys.executable, str(site / "bin/mmdata"), "demo", "--into", "demo"]
    done = subprocess.run(demo, cwd=home, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "skin 1.0.0: train 24, test 12 rows" in done.stdout
    code = """
import sys
import mmdata, mmdata.schemas
from mmdata.schemas import SkinLesion
from datasets import load_dataset
print(mmdata.__file__, mmdata.schemas.__file__)
print(load_dataset("./demo/skin")["train"].info.version, mmdata.overview("demo")[0]["rows"])
print(mmdata.new("birds", "mine").name, "schemas" in sys.modules)
"""
    where, loaded, scaffolded = run(code, cwd=home, path=str(site)).splitlines()
    assert where == f"{site}/mmdata/__init__.py {site}/mmdata/schemas/__init__.py"
    assert loaded == "1.1.0 {'train': 24, 'test': 12}"
    assert scaffolded == "birds False"
