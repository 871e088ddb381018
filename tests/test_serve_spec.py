"""Whatever a client may send by the specification, the answer is one that it promises."""

from collections import Counter

import pytest
import schemathesis
from hypothesis import strategies
from kit import encoded, photo
from schemathesis.engine import events, from_schema
from serving import Advising, app_of, indexed_fashion

PICTURES = {kind: [encoded(photo(n, (40, 30)), kind) for n in range(3)] for kind in ("JPEG", "PNG", "WEBP")}
FILTERS = ["price < 50000", "seasons = '여름'", "color in ('블랙', 'navy') and not sold_out = true", "fit is null"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return indexed_fashion(tmp_path_factory.mktemp("가게"))


@pytest.fixture(scope="module", autouse=True)
def meant():
    """What a schema cannot say: what a picture is, and a filter, and which pictures there are."""
    for kind, made in PICTURES.items():
        schemathesis.openapi.media_type(f"image/{kind.lower()}", strategies.sampled_from(made))
    schemathesis.openapi.format("where", strategies.sampled_from(FILTERS))


def test_every_answer_is_as_the_specification_says(folder):
    headers = {"Authorization": "Bearer secret-7"}
    told = {
        "seed": 1,
        "headers": headers,
        "generation": {"max-examples": 8},
        # That a file is a picture, and that there is one of this hash, no schema can say.
        "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "404", "415"]}},
    }
    schema = schemathesis.openapi.from_asgi(
        "/openapi.json",
        app_of(folder, advisor=Advising(), key="secret-7"),
        headers=headers,
        config=schemathesis.Config.from_dict(told),
    )
    wrong, asked = [], Counter()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            for id, checks in event.recorder.checks.items():
                failures = [check.failure_info.failure for check in checks if check.failure_info]
                wrong += [(event.recorder.cases[id].value.body, one.title, one.message) for one in failures]
            for interaction in event.recorder.interactions.values():
                asked[interaction.response.status_code] += 1
        elif isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(event)
    assert wrong == []
    assert asked.total() > 100
    assert min(asked[200], asked[401], asked[422]) > 10, asked
