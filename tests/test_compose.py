"""compose.yaml: what can be known of it without Docker."""

import re
from pathlib import Path

import pytest
import typer
import yaml

from mmdata.cli import app
from mmdata.serving.limits import OPEN

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "compose.yaml").read_text(encoding="utf-8")
WHOLE = yaml.safe_load(TEXT)
SERVICES = WHOLE["services"]
OURS = {name: one for name, one in SERVICES.items() if one.get("image") == "mmdata-serve"}
VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}")


def filled(text: str) -> str:
    """With each variable's default."""
    return VARIABLE.sub(lambda found: found[2] or "", text)


def test_services_hang_on_each_other_and_wait_for_what_they_need():
    assert list(SERVICES) == ["db", "vllm", "index", "service"] and set(OURS) == {"index", "service"}
    for one in SERVICES.values():
        for name, needed in one.get("depends_on", {}).items():
            if needed["condition"] == "service_healthy":
                assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"
        volumes = {volume.split(":")[0] for volume in one["volumes"]}
        assert {volume for volume in volumes if not volume.startswith("./")} <= WHOLE["volumes"].keys()
    assert SERVICES["service"]["depends_on"]["index"] == {"condition": "service_completed_successfully"}
    assert "restart" not in SERVICES["index"]


@pytest.mark.parametrize("name", OURS)
def test_commands_are_those_of_the_command_line(name):
    verb, *args = map(filled, OURS[name]["command"])
    command = typer.main.get_command(app)
    with command.make_context("mmdata", [verb, *args]) as context:
        _, found, rest = command.resolve_command(context, [verb, *args])
        with found.make_context(verb, rest, parent=context) as parsed:
            said = parsed.params
    assert verb == name.replace("service", "serve") and str(said["folder"]) == "dataset_builders/fashion"
    assert (ROOT / said["folder"] / "recommend.py").is_file()
    options = {option.envvar for option in found.params}
    assert {"MMDATA_DSN"} <= options and OURS[name]["environment"]["MMDATA_DSN"].startswith("postgresql://mmdata@db/")
    if verb == "serve":
        assert said["host"] == "0.0.0.0" and said["base_url"] == "http://vllm:8000/v1"
        assert f"--served-model-name={said['advisor']}" in SERVICES["vllm"]["command"]
        published = SERVICES["service"]["ports"][0].rpartition(":")[2]
        assert str(said["port"]) == published and f":{published}/ready" in SERVICES["service"]["healthcheck"]["test"][3]


def test_both_speak_of_the_same_corpus_and_model():
    both = [{one for one in service["command"] if "${" in one} for service in OURS.values()]
    assert both[0] == both[1] and len(both[0]) == 2


def test_only_the_service_is_reached_and_on_this_machine_alone():
    assert {name: one["ports"] for name, one in SERVICES.items() if "ports" in one} == {
        "service": ["127.0.0.1:8080:8080"]
    }
    assert "/ready" in OPEN  # The healthcheck has no key.


def test_no_secret_is_in_it_and_each_variable_is_described():
    for one in SERVICES.values():
        for name, value in one.get("environment", {}).items():
            if re.search("PASSWORD|KEY|TOKEN", name):
                assert VARIABLE.fullmatch(value) and not VARIABLE.fullmatch(value)[2], name
    assert not re.search(r"://\w+:[^@/\s]+@", TEXT)
    comments = TEXT.partition("\nx-mmdata")[0]
    assert {found[1] for found in VARIABLE.finditer(TEXT)} - {"VLLM_IMAGE"} <= set(re.findall(r"\w+(?==)", comments))
    assert ".env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_image_is_made_of_what_is_there():
    build = OURS["service"]["build"]
    lines = (ROOT / build["dockerfile"]).read_text(encoding="utf-8").splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert copied and all((ROOT / build["context"] / name).exists() for name in copied)
    sent = (ROOT / f"{build['dockerfile']}.dockerignore").read_text(encoding="utf-8").splitlines()
    assert {line[1:] for line in sent if line.startswith("!")} == set(copied)
