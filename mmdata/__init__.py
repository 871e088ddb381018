"""Raw pictures and records become a validated, versioned Hugging Face dataset.

Each verb of the command line is a function here, under the same name. Nothing heavy is
imported before it is asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .builder import CorpusBuilder, Item
    from .corpus import Corpus
    from .errors import MmdataError, Reject
    from .findings import Finding
    from .listing import Listing
    from .sources import SourceFile
    from .verbs.annotate import annotate
    from .verbs.attach import attach
    from .verbs.build import build
    from .verbs.card import card
    from .verbs.check import check
    from .verbs.demo import demo
    from .verbs.diff import diff
    from .verbs.evaluate import evaluate
    from .verbs.export import export
    from .verbs.fetch import fetch
    from .verbs.fix import fix
    from .verbs.index import index
    from .verbs.new import new
    from .verbs.overview import overview
    from .verbs.prune import prune
    from .verbs.pull import pull
    from .verbs.push import push
    from .verbs.release import release
    from .verbs.run_steps import run_steps
    from .verbs.search import search
    from .verbs.serve import serve
    from .views import view

_HOME = {
    "Corpus": "corpus",
    "CorpusBuilder": "builder",
    "Finding": "findings",
    "Item": "builder",
    "Listing": "listing",
    "MmdataError": "errors",
    "Reject": "errors",
    "SourceFile": "sources",
    "annotate": "verbs.annotate",
    "attach": "verbs.attach",
    "build": "verbs.build",
    "card": "verbs.card",
    "check": "verbs.check",
    "demo": "verbs.demo",
    "diff": "verbs.diff",
    "evaluate": "verbs.evaluate",
    "export": "verbs.export",
    "fetch": "verbs.fetch",
    "fix": "verbs.fix",
    "index": "verbs.index",
    "new": "verbs.new",
    "overview": "verbs.overview",
    "prune": "verbs.prune",
    "pull": "verbs.pull",
    "push": "verbs.push",
    "release": "verbs.release",
    "run_steps": "verbs.run_steps",
    "search": "verbs.search",
    "serve": "verbs.serve",
    "view": "views",
}

__all__ = [
    "Corpus",
    "CorpusBuilder",
    "Finding",
    "Item",
    "Listing",
    "MmdataError",
    "Reject",
    "SourceFile",
    "annotate",
    "attach",
    "build",
    "card",
    "check",
    "demo",
    "diff",
    "evaluate",
    "export",
    "fetch",
    "fix",
    "index",
    "new",
    "overview",
    "prune",
    "pull",
    "push",
    "release",
    "run_steps",
    "search",
    "serve",
    "view",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'mmdata' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
