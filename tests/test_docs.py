"""The documents say what is there, and what they show runs."""

import ast
import re
import shlex
import shutil
import tempfile
import tomllib
from importlib import import_module
from pathlib import Path

import pytest
import typer.main
from hub_server import serving
from hubbing import hub_env
from nest import Nest

import mmdata
from mmdata.cli import app
from mmdata.corpus import Corpus, corpora_in
from mmdata.predictions import Prediction, PredictionFile
from mmdata.replay import replaying
from mmdata.views import newest_or_sample, rows_of

ROOT = Path(__file__).parent.parent
READMES = ["README.md", "README.ko.md"]
COMMANDS = typer.main.get_command(app).commands
FUNCTIONS = {"list": "overview"}
"""Verbs whose function has another name; `list` is Python's."""
OUTSIDE = ("s3://", "postgresql://")
"""What a command here cannot reach."""


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[tuple[str, str]]:
    """(language, code) of each fenced block, indented ones too."""
    found = re.findall(r"^( *)```(\w*)\n(.*?)^\1```$", text_of(name), re.M | re.S)
    return [(language, re.sub(f"^{indent}", "", code, flags=re.M)) for indent, language, code in found]


def mmdata_commands(code: str) -> list[list[str]]:
    lines = [part.strip() for line in code.splitlines() for part in line.split("&&")]
    return [shlex.split(line)[1:] for line in lines if line.startswith("mmdata ")]


def answered(folder: Path, file: Path) -> None:
    """Every row right: in the place of what `training_recipes/infer.py` writes, which test_chain.py runs."""
    version = newest_or_sample(Corpus(folder))
    features, rows = rows_of(Corpus(folder), "diagnosis", split="test", version=version)
    told = {"view": "diagnosis", "split": "test", "version": version, "model": "m", "prompt": "p", "seconds": 0.1}
    with PredictionFile(file) as out:
        for _, row in rows:
            output = f"<label>{features['label'].int2str(row['label'])}</label>"
            out.add(Prediction(id=row["id"], output=output, **told))


def run_mmdata(nest: Nest, arguments: list[str], folder: Path) -> None:
    if "--predictions" in arguments:
        answered(folder / arguments[1], folder / arguments[arguments.index("--predictions") + 1])
    done = nest.run(*arguments, cwd=folder)
    faulty = arguments[0] == "check"  # The recorded answers have faults, and it says so.
    assert done.returncode == (1 if faulty else 0), f"mmdata {shlex.join(arguments)}\n{done.stdout}{done.stderr}"


def empty(folder: Path) -> None:
    """But for multiprocessing's own, which it removes when this process ends."""
    for one in folder.iterdir():
        if not one.name.startswith("pymp-"):
            shutil.rmtree(one, ignore_errors=True)


@pytest.fixture
def checkout(tmp_path, monkeypatch, request):
    """A fresh clone's corpora in a folder of their own, with a source beside them, and it is where we are."""
    clone = tmp_path / "clone"
    local = shutil.ignore_patterns("data", "source", ".*", "__pycache__")
    shutil.copytree(ROOT / "dataset_builders", clone / "dataset_builders", ignore=local)
    shutil.copytree(ROOT / "dataset_builders/skin/tiny", clone / "extracted_data")
    scratch = tempfile.mkdtemp(prefix="d")  # Short: a socket's path may have 108 letters.
    request.addfinalizer(lambda: empty(Path(scratch)))
    monkeypatch.setattr(tempfile, "tempdir", scratch)
    monkeypatch.setenv("TMPDIR", scratch)
    monkeypatch.chdir(clone)
    with replaying(ROOT / "dataset_builders/skin/tiny_answers.jsonl") as url, serving() as hub:
        for name, value in (hub_env(hub, tmp_path / "hf") | {"OPENAI_BASE_URL": url}).items():
            monkeypatch.setenv(name, value)
        yield clone


@pytest.mark.slow
@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md"])  # README.ko.md has the same blocks.
def test_the_blocks_run_and_print_what_they_say(name, checkout, capsys):
    names: dict[str, object] = {}
    printed = None
    with Nest() as nest:
        for language, code in blocks(name):
            if language == "python":
                exec(compile(code, name, "exec"), names)
                printed = capsys.readouterr().out
            elif language == "text":
                assert printed == code
            elif language == "bash":
                for arguments in mmdata_commands(code):
                    if arguments[0] not in {"fetch", "serve"} and not any(
                        place in arg for place in OUTSIDE for arg in arguments
                    ):
                        run_mmdata(nest, arguments, checkout)


def test_both_readmes_hold_the_same_blocks():
    english, korean = map(blocks, READMES)
    assert english == korean
    assert {"bash", "python", "text"} == {language for language, _ in english}


def test_both_readmes_have_the_same_shape():
    """Headings, tables' rows and links, whatever the language."""

    def shape(name):
        text = re.sub(r"```.*?```", "", text_of(name), flags=re.S)
        return re.findall(r"^(#+|\|)", text, re.M), re.findall(r"\]\((?!README)(.*?)\)", text)

    assert shape("README.md") == shape("README.ko.md")


@pytest.mark.parametrize("name", [*READMES, "CONTRIBUTING.md"])
def test_what_is_linked_is_there(name):
    links = re.findall(r"\]\((?!http)([^)#]+)\)", text_of(name))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_verb_is_documented_and_a_function(verb):
    assert COMMANDS[verb].help
    assert all(p.help for p in COMMANDS[verb].params if p.name != "help"), "an argument without help"
    for name in READMES:
        assert f"`mmdata {verb}" in text_of(name), name
    name = FUNCTIONS.get(verb, verb)
    function = getattr(import_module(f"mmdata.verbs.{name}"), name)
    assert function is getattr(mmdata, name)
    assert function.__doc__


def test_no_verb_is_documented_that_is_not_there():
    for name in [*READMES, "CONTRIBUTING.md", "CHANGELOG.md"]:
        named = set(re.findall(r"`mmdata ([a-z]+)", text_of(name)))
        named |= {command[0] for _, code in blocks(name) for command in mmdata_commands(code)}
        assert named <= set(COMMANDS), name


def kinds_in_the_code() -> set[str]:
    """The first word of every Reject, ImageCheck and Finding that the engine makes."""
    found = set()
    for path in (ROOT / "mmdata").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and node.args
                and ast.unparse(node.func) in {"Reject", "ImageCheck", "Finding.warning", "Finding.error"}
            ):
                found |= {c.value for c in ast.walk(node.args[0]) if isinstance(c, ast.Constant)}
    return found - {""}


@pytest.mark.parametrize("name", READMES)
def test_the_checks_in_the_readme_are_those_in_the_code(name):
    section = re.split(r"^## ", text_of(name), flags=re.M)
    (checked,) = [part for part in section if "| `unknown label` |" in part]
    rows = re.findall(r"^\| (`.*?) \|", checked, re.M)
    assert {kind for row in rows for kind in re.findall(r"`([^`]+)`", row)} == kinds_in_the_code()


def test_the_changelog_has_this_version():
    version = tomllib.loads(text_of("pyproject.toml"))["project"]["version"]
    assert f"\n## [{version}]" in text_of("CHANGELOG.md")


@pytest.mark.parametrize("folder", list(corpora_in(ROOT / "dataset_builders")), ids=lambda folder: folder.name)
def test_each_card_names_licence_and_source_and_is_in_the_readme(folder):
    card, text = Corpus(folder).card, (folder / "README.md").read_text(encoding="utf-8")
    assert card["license"]
    if card["license"] == "other":
        assert card["license_name"]
        assert card["license_link"].startswith("https://")
    assert "**Source.**" in text
    for name in READMES:
        assert f"]({folder.relative_to(ROOT)})" in text_of(name)
