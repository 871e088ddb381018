"""No Hub, no bars, and a cache that goes with the run; a corpus and a source to build."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

SHIM = Path(__file__).parent / "shim" / "sitecustomize.py"
os.environ["PYTHONPATH"] = os.pathsep.join([str(SHIM.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
_spec = importlib.util.spec_from_file_location("torchvision_shim", SHIM)
_spec.loader.exec_module(importlib.util.module_from_spec(_spec))

_cache = tempfile.TemporaryDirectory(prefix="mmdata-tests-", ignore_cleanup_errors=True)

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = _cache.name
os.environ.setdefault("OMP_NUM_THREADS", "1")  # A process a core: two threads of a tiny model only wait for each other.
os.environ["HF_HOME"] = f"{_cache.name}/home"  # Nobody's token, nobody's cache.
os.environ["HF_HUB_DISABLE_XET"] = "1"  # The loopback Hub has no Xet storage.
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

import pytest  # noqa: E402
from hub_server import serving  # noqa: E402
from hubbing import using  # noqa: E402
from hypothesis import settings  # noqa: E402
from kit import GOOD, encoded, opened, photo, put  # noqa: E402

import mmdata  # noqa: E402

# No deadline: the first picture waits for imagehash to be imported, and CI machines stall.
settings.register_profile("mmdata", deadline=None)
settings.load_profile("mmdata")


LONG = ("test_kill", "test_workers", "test_faulty_servers", "test_push_faults", "test_docs", "test_annotate_kill")
"""Files of most of a minute."""


def pytest_xdist_auto_num_workers():
    """One more than there are cores: a third of the time a test waits, for a process, a server or a kill."""
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(items):
    """The longest files first, then those with a slow test: each process takes the next, and none ends long after."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    place = {name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: (place.get(item.path.stem, len(LONG)), item.path not in slow))


@pytest.fixture
def skin(tmp_path):
    return mmdata.new("skin", tmp_path / "내 말뭉치", like="skin")


@pytest.fixture
def source(tmp_path):
    root = tmp_path / "원본"
    for number in range(2):
        put(root, f"{GOOD}/good_{number}.png", encoded(photo(number)))
        put(root, f"Validation/images/VS_정상_측면/good_{number}.png", encoded(photo(f"v{number}")))
    return root


@pytest.fixture(scope="session")
def _built_once(tmp_path_factory):
    folder = mmdata.new("skin", tmp_path_factory.mktemp("한 번") / "내 말뭉치", like="skin")
    mmdata.build(folder, folder / "tiny")
    return folder


@pytest.fixture
def built_skin(_built_once, tmp_path):
    """The tiny corpus, built as 1.0.0: a copy of its own for each test."""
    return shutil.copytree(_built_once, tmp_path / "내 말뭉치" / "skin")


@pytest.fixture
def hub(tmp_path):
    """A Hub of its own, which huggingface_hub and datasets ask in this process."""

    with serving() as running, using(running, tmp_path / "집"):
        yield running


@pytest.fixture(scope="session")
def _birds(tmp_path_factory):
    """A corpus with releases of 4 and 5 rows, that may be passed on."""
    home = tmp_path_factory.mktemp("두 판")
    folder = opened(mmdata.new("birds", home / "내 말뭉치"))
    source = home / "source"
    for number in range(4):
        split = "test" if number == 3 else "train"
        put(source, f"{split}/{('동그라미', '네모')[number % 2]}/새_{number}.png", encoded(photo(number)))
    mmdata.build(folder, source, workers=1)
    put(source, "train/네모/새_9.png", encoded(photo(9)))
    assert mmdata.build(folder, source, workers=1).version == "1.1.0"
    return folder


@pytest.fixture
def birds(_birds, tmp_path):
    return shutil.copytree(_birds, tmp_path / "새 모음" / "birds")


@pytest.fixture
def quick():
    """`fetch` waits for milliseconds only."""
    from fetching import quickly

    with quickly() as patch:
        yield patch


@pytest.fixture
def site():
    """A server of files, of its own."""
    from fetch_server import serving_files

    with serving_files() as running:
        yield running


@pytest.fixture
def corpus(tmp_path):
    """A corpus folder, empty but for its builder.py."""
    from fetching import empty_corpus

    return empty_corpus(tmp_path / "내 말뭉치" / "birds")


@pytest.fixture(scope="module")
def chromium():
    from browsing import a_browser  # Playwright is for these tests only.

    with a_browser() as browser:
        yield browser


@pytest.fixture
def show(chromium, tmp_path):
    from browsing import showing

    with showing(chromium, tmp_path) as opened:
        yield opened
