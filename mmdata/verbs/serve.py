"""`mmdata serve`: a corpus's index over HTTP, and a page to try it."""

import importlib
import os
import re
import signal
import socket
import sys
import threading
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from ..corpus import Corpus
from ..errors import MmdataError

if TYPE_CHECKING:
    from fastapi import FastAPI

    from ..searching.facts import Index
    from ..serving.advising import Advisor

KEY = "MMDATA_API_KEY"
LOOPBACK = ("127.", "localhost", "::1")
ENDING = 10
"""Seconds that requests have to end in when the service is stopped."""
THINKING = 0.8
"""Of a request's time that the model server has; the rest is for the search."""


def serve(
    folder: str | Path,
    *,
    model: str | None = None,
    version: str | None = None,
    dsn: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    base_url: str | None = None,
    advisor: str | None = None,
    max_mb: float = 10.0,
    timeout: float = 30.0,
) -> None:
    """Answer searches over HTTP until SIGTERM or Ctrl-C.

    The index in the folder is served as it is now: after `mmdata index`, start anew. What is published in PostgreSQL is
    followed, and so are the pictures, where that release is in the folder; by another model, start anew.

    Where MMDATA_API_KEY is set, clients must send it as `Authorization: Bearer …`; else everyone may ask who reaches the
    address. Each request is a line of JSON on stderr.

    Args:
        folder: the corpus folder, with an index that `mmdata index` has made.
        model: whose index, where there are several.
        version: of a release, or "sample"; by default the newest that has an index.
        dsn: of the PostgreSQL that has the index; by default it is searched in the corpus folder.
        host, port: to listen on; port 0 is a free one. The line that is printed when it is ready says which.
        base_url: of the OpenAI-compatible vision server that /recommend asks; by default OPENAI_BASE_URL.
        advisor: the name of its model. Without it there is no /recommend.
        max_mb: megabytes of an upload, at most.
        timeout: seconds that a request may take.

    Raises:
        MmdataError: there is no such index, its model cannot be had, the port is taken, or a library is missing.
        CorpusError: the corpus's recommend.py cannot be used.
    """
    _require("fastapi", "uvicorn", "python_multipart")
    from ..searching.facts import how_to_index
    from ..searching.opening import encoder_of, newer, opened
    from ..searching.pictures import Pictures
    from ..serving.app import create_app
    from ..serving.settings import Settings

    corpus = Corpus(folder)
    settings = Settings(key=_key(), max_mb=max_mb, timeout=timeout)
    listening = _listening(host, port)  # Before a model is loaded for a minute.
    with listening:
        index = opened(corpus, model, version, dsn)
        try:
            facts = index.facts
            seeing = encoder_of(corpus, facts)
            advises = _advisor(corpus, index, base_url, advisor, THINKING * timeout) if advisor else None
            app = create_app(index, seeing, Pictures(corpus, facts.version), settings, advises)
            if later := newer(corpus, facts):
                _say(
                    f"There is a newer release, {later}, without an index: {how_to_index(corpus.folder)}, then start anew."
                )
            _run(app, listening, f"{corpus.name} {facts.version} by {facts.called}", settings.key is not None)
        finally:
            index.close()


def _require(*modules: str) -> None:
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError:
            package = name.replace("_", "-")
            raise MmdataError(f"Please install {package} to serve (`pip install 'mmdata-corpus[search]'`)") from None


def _advisor(corpus: Corpus, index: "Index", base_url: str | None, model: str, timeout: float) -> "Advisor":
    from ..serving.advising import advisor_of  # With openai, which takes a second.

    found = advisor_of(corpus, index, base_url, model, timeout=timeout)
    if found is None:
        raise MmdataError(f"{corpus.name} has no recommend.py: it cannot recommend. Leave the advisor ({model}) out")
    return found


def _key() -> SecretStr | None:
    key = os.environ.get(KEY)
    if key and not re.fullmatch("[!-~]+", key):
        raise MmdataError(f"{KEY} travels in a header: it may have letters, digits and signs of ASCII, and no space")
    return SecretStr(key) if key else None


def _listening(host: str, port: int) -> socket.socket:
    """Raises MmdataError: the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise MmdataError(
            f"{host}: no address of this machine ({error.strerror}). 127.0.0.1 is; so is 0.0.0.0"
        ) from None
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)  # Now, so that whoever takes it later is told.
    except OSError as error:
        listening.close()
        raise MmdataError(
            f"{host} port {port} cannot be listened on: {error.strerror}. Choose another by --port; 0 takes a free one"
        ) from None
    return listening


def _run(app: "FastAPI", listening: socket.socket, what: str, keyed: bool) -> None:
    import uvicorn

    warnings.filterwarnings("ignore", module="PIL")  # On odd uploads. Stderr is lines of JSON from here on.
    host, port = listening.getsockname()[:2]
    settings = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=ENDING,
        timeout_keep_alive=30,
    )
    shown = f"[{host}]" if ":" in host else host
    _say(f"{what}: http://{shown}:{port}/")
    if not keyed and not host.startswith(LOOPBACK):
        _say(f"Whoever reaches this address may search. Set {KEY} to want a key.")
    if threading.current_thread() is threading.main_thread():
        # Uvicorn ends in peace, then raises the signal again: SIGTERM is no fault, Ctrl-C is told by its exit code.
        signal.signal(signal.SIGTERM, lambda *_: None)
    uvicorn.Server(settings).run(sockets=[listening])


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
