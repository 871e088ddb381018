"""The server of the demo."""

import asyncio
import json
import urllib.error
import urllib.request

import mmdata
from mmdata.corpus import HOME
from mmdata.replay import replaying
from mmdata.verbs.annotate import annotate

RECORDING = HOME / "skin" / "tiny_answers.jsonl"


def test_a_run_meets_the_faults_and_a_second_run_mends_them(skin):
    mmdata.build(skin, skin / "tiny")
    with replaying(RECORDING) as url:
        first = annotate(skin, "describe", base_url=url)
        assert first.states == {"ok": 33, "empty": 1, "refused": 1, "truncated": 1}
        again = annotate(skin, "describe", base_url=url, retry=["empty", "refused", "truncated"])
        assert (again.before.retried, again.states) == (3, {"ok": 36})


def test_a_picture_that_is_not_recorded_is_said(tmp_path):
    with replaying(RECORDING, faults=False) as url:
        request = urllib.request.Request(f"{url}/chat/completions", json.dumps({"messages": []}).encode())
        try:
            urllib.request.urlopen(request, timeout=10)
        except urllib.error.HTTPError as error:
            assert error.code == 404 and b"no answer is recorded" in error.read()
            error.close()
        else:
            raise AssertionError


def test_a_notebook_whose_loop_is_running_can_annotate(skin):
    mmdata.build(skin, skin / "tiny")

    async def cell():
        with replaying(RECORDING) as url:
            return annotate(skin, "describe", base_url=url)

    assert asyncio.run(cell()).states.total() == 36
