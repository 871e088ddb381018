"""Before anything imports datasets: no Hub, no bars, and a cache that goes with the run."""

import os
import tempfile

_cache = tempfile.TemporaryDirectory(prefix="mmdata-tests-", ignore_cleanup_errors=True)

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_CACHE"] = _cache.name
os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"
