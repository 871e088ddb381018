"""SVG symbols as PNG, drawn in a process of its own: whatever a file does to the renderer, the build goes on.

A hostile or broken SVG can make resvg read other files, ask for terabytes, or run for minutes. What points out of the
file is refused before it is drawn; the rest meets the limits of the other process, which this file is run as.
"""

import os
import re
import selectors
import struct
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from xml.parsers import expat

LARGEST = 2 << 20
"""Bytes of an SVG; Mulberry's largest has 150 kB."""
DEEPEST = 100
"""Elements within each other: resvg goes down by recursion."""
SECONDS = 10
MEMORY = 2 << 30
LENGTH = struct.Struct(">I")
REFERENCE = re.compile(r"\s*#")
FOREIGN = {"foreignObject", "image", "feImage", "script"}
"""Elements that bring something in which is no drawing."""


class Undrawable(ValueError):
    """This SVG gives no picture; the message says why."""


def refuse(svg: bytes) -> str:
    """The text of an SVG that is nothing but a drawing.

    Raises:
        Undrawable: it is no XML, declares entities, points to something outside itself, or is too large.
    """
    if len(svg) > LARGEST:
        raise Undrawable(f"it has {len(svg):,} bytes, more than {LARGEST:,}")
    depth = 0

    def starts(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        local = name.rpartition(":")[2]
        if depth == 1 and local != "svg":
            raise Undrawable(f"it is <{name}>, not <svg>")
        if depth > DEEPEST:
            raise Undrawable(f"its elements lie more than {DEEPEST} deep in each other")
        if local in FOREIGN:
            raise Undrawable(f"it holds <{name}>, which is no drawing")
        for key, value in attributes.items():
            if key.rpartition(":")[2] == "href" and local != "a" and not REFERENCE.match(value):
                raise Undrawable(f"<{name}> points out of the file, to {value[:60]!r}")

    def ends(_: str) -> None:
        nonlocal depth
        depth -= 1

    def entity(name: str, *_: object) -> None:
        raise Undrawable(f"it declares the entity {name!r}")

    parser = expat.ParserCreate("utf-8")  # Whatever it declares: resvg reads it so too.
    parser.StartElementHandler, parser.EndElementHandler, parser.EntityDeclHandler = starts, ends, entity
    try:
        parser.Parse(svg, True)
        return svg.decode("utf-8-sig")
    except expat.ExpatError as error:
        raise Undrawable(f"it is no XML: {error}") from None
    except UnicodeDecodeError as error:
        raise Undrawable(f"it is not UTF-8 at byte {error.start}") from None


class Drawer:
    """Draws SVGs, one after another. Use it in a `with`."""

    def __init__(self, size: int):
        self.size = size
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Drawer":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def png(self, svg: bytes) -> bytes:
        """The drawing as PNG on white, in its own proportions, its longer side `size` pixels.

        Raises:
            Undrawable: it gives no picture.
        """
        text = refuse(svg).encode()
        process = self._started()
        assert process.stdin and process.stdout
        try:
            left = memoryview(LENGTH.pack(len(text)) + text)
            while left:
                left = left[process.stdin.write(left) :]
            head = self._read(process, 1 + LENGTH.size)
            content = self._read(process, LENGTH.unpack(head[1:])[0])
        except OSError as error:
            self._stop()
            raise Undrawable(
                str(error) if isinstance(error, TimeoutError) else "the renderer breaks down over it"
            ) from None
        if head[:1] != b"+":
            raise Undrawable(f"the renderer says: {content.decode(errors='replace')[:200]}")
        return content

    def _read(self, process: subprocess.Popen[bytes], count: int) -> bytes:
        assert process.stdout
        content = b""
        with selectors.DefaultSelector() as ready:
            ready.register(process.stdout, selectors.EVENT_READ)
            while len(content) < count:
                if not ready.select(SECONDS):
                    raise TimeoutError(f"drawing it takes over {SECONDS} seconds")
                piece = process.stdout.read(count - len(content))  # Unbuffered: what is there.
                if not piece:
                    raise ConnectionError
                content += piece
        return content

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            self._process = subprocess.Popen(  # noqa: S603 - this very file
                [sys.executable, "-P", str(Path(__file__)), str(self.size)],
                env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
            )
        return self._process

    def _stop(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


def main(size: int) -> None:
    """Draw what comes on stdin until it ends: the other process."""
    import resource

    import resvg_py

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError, ValueError):  # macOS has no such limit.
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    take, give = sys.stdin.buffer, sys.stdout.buffer
    while head := take.read(LENGTH.size):
        text = take.read(LENGTH.unpack(head)[0]).decode()
        try:
            # No fonts: those of this machine are not those of another.
            drawn = resvg_py.svg_to_bytes(
                svg_string=text, width=size, height=size, background="#ffffff", skip_system_fonts=True
            )
            give.write(b"+" + LENGTH.pack(len(drawn)) + drawn)
        except Exception as error:
            said = str(error).encode()
            give.write(b"-" + LENGTH.pack(len(said)) + said)
        give.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
