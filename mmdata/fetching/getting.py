"""One file: from its first byte, or on from where it stopped, until all of it is here."""

import asyncio
import random
import re
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import BinaryIO

import aiohttp

from ..names import bytes_text
from .content import digest_of, looks_like_html, start_fault, starts_as
from .faults import Again, Refused, Stop, Wrong, disk_fault
from .hosts import LONGEST_PAUSE, LONGEST_WAIT, PAUSE_SECONDS, Host
from .parts import Part, validator_of
from .requests import answered, fault_of
from .wanted import Wanted

TRIES = 6
"""In a row that brought less than a megabyte."""
BUSY_TRIES = 12
"""Of which so many where the server only asks to slow down."""
PROGRESS_BYTES = 1_000_000
START_BYTES = 512
"""A file is looked at once so many bytes are here, or all."""
WORTH_SEEING = 100_000_000
"""A file declared to be no larger than this is read though the server says that it is: what comes may be the file."""
SLOW_SECONDS, SLOW_BYTES = 60.0, 30_000
"""A file that brings less than so many bytes in so many seconds is asked for again."""


@dataclass
class Way:
    """How the files of one host are got."""

    session: aiohttp.ClientSession
    host: Host
    slots: AbstractAsyncContextManager[None]
    """Held while a request is under way, as the host's own are; not while waiting for the next try."""
    arrived: Callable[[int], None]
    """Told of bytes as they come; of fewer than none, where they are of no use."""
    learned: Callable[[Wanted, int], None]
    """Told how large a file is, once the server says so."""
    stop: Stop


async def get(way: Way, wanted: Wanted, part: Part, largest: int) -> None:
    """All bytes of the file are in the part when this returns; they are not yet looked at.

    Raises:
        Refused: it cannot be had.
        Wrong: something else came.
        SourceError: the disk will not have it.
    """
    tries = busy = 0
    best, cut_at = part.have, -1
    while True:
        try:
            async with way.host.slots:
                await way.host.ready()
                if way.host.down:
                    raise Refused("host down", f"not asked for: {way.host.down}. Run the same command again later")
                async with way.slots:
                    await _attempt(way, wanted, part, largest)
            return
        except Again as again:
            fault = again
        if await _is_whole(way, wanted, part, cut_at):
            return
        cut_at = part.have
        if part.have - best >= PROGRESS_BYTES:
            best, tries = part.have, 0
        busy, tries = (busy + 1, tries) if fault.busy else (busy, tries + 1)
        if fault.wait is not None and fault.wait > LONGEST_WAIT:
            way.host.down = fault.reason
            raise Refused(fault.kind, f"{fault.reason}. Run the same command again then")
        if tries >= TRIES or busy >= BUSY_TRIES:
            way.host.failed(fault.reason)
            raise Refused(fault.kind, f"{fault.reason} ({tries + busy} tries). Run the same command again later")
        if fault.busy:
            way.host.slow_down(fault.wait)
        else:
            pause = min(LONGEST_PAUSE, PAUSE_SECONDS * 2**tries)
            await asyncio.sleep(max(fault.wait or 0, pause * random.uniform(0.5, 1)))  # noqa: S311 - no secret


async def _is_whole(way: Way, wanted: Wanted, part: Part, cut_at: int) -> bool:
    """Whether what came before a cut is all of the file, and the server's length was wrong.

    A file of unknown size is hashed only once it was cut twice at the same byte: its end, most likely.
    """
    have = part.have
    if part.packed or not have or have != (cut_at if wanted.bytes is None else wanted.bytes):
        return False
    if wanted.sha256 is None:
        return wanted.bytes is not None
    return await asyncio.to_thread(digest_of, part.path, way.stop) == wanted.sha256


async def _attempt(way: Way, wanted: Wanted, part: Part, largest: int) -> None:
    """One request. Raises Again where bytes are missing still."""
    have = part.have if part.resumable else 0
    if have and have == part.size:
        return
    headers = {}
    if have:
        headers["Range"] = f"bytes={have}-"
        if part.validator:
            headers["If-Range"] = part.validator
    try:
        async with answered(way.session, wanted.url, headers) as response:
            if response.status == 416:
                return _past_the_end(part, have, response)
            if response.status == 206:
                opened = _going_on(part, have, response)
            else:
                opened = _from_the_start(way, wanted, part, largest, response)
                have = 0
            with opened:
                await _written(way, wanted, part, largest, response, opened, have)
    except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
        raise fault_of(error) from None
    except OSError as error:  # Those of the network are the client's own, above.
        raise disk_fault(error, part.path) from None


def _past_the_end(part: Part, have: int, response: aiohttp.ClientResponse) -> None:
    """416: there is nothing behind our last byte; so it is whole, or was another file."""
    whole = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
    if have and whole and int(whole[1]) == have and validator_of(response.headers) in {None, part.validator}:
        part.size = have
        return
    part.forget()
    raise Again("http 416", "the server has another file there than before")


def _going_on(part: Part, have: int, response: aiohttp.ClientResponse) -> BinaryIO:
    """206: the rest of what we have, if it says so."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    size = int(found[2]) if found and found[2] != "*" else part.size
    same = validator_of(response.headers) in {None, part.validator}
    if not have or not found or int(found[1]) != have or (part.size is not None and size != part.size) or not same:
        part.forget()
        raise Again("changed", "the file changed on the server while it was fetched")
    part.size = size
    return part.go_on()


def _from_the_start(way: Way, wanted: Wanted, part: Part, largest: int, response: aiohttp.ClientResponse) -> BinaryIO:
    """200: all of it, whatever we asked for."""
    coding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if coding not in {"identity", "", "gzip", "x-gzip"}:
        raise Refused("packed", f"the server sends it packed as {coding[:20]!r}, though asked not to")
    packed = coding in {"gzip", "x-gzip"}
    size = response.content_length if response.headers.get("Transfer-Encoding") is None else None
    if size is not None:
        is_page = "html" in response.content_type and wanted.kind != "file"
        wrong = wanted.bytes is not None and size != wanted.bytes and not packed and not is_page
        if wrong and (size < largest or largest > WORTH_SEEING):
            raise Wrong("wrong size", f"the server has {size:,} bytes there; {wanted.place} says {wanted.bytes:,}")
        if (packed or wanted.bytes is None) and size > (_room_for_packed(largest) if packed else largest):
            raise _too_large(f"the server says {bytes_text(size)}", wanted, largest)
        way.learned(wanted, size)
    way.arrived(-part.have)
    return part.begin(validator_of(response.headers), size, packed)


async def _written(
    way: Way, wanted: Wanted, part: Part, largest: int, response: aiohttp.ClientResponse, opened: BinaryIO, have: int
) -> None:
    """Every byte that comes is in the part before the next is waited for."""
    slow_at, slow_from = time.monotonic() + SLOW_SECONDS, have
    start: bytes | None = None if have or part.packed else b""  # As far as it was not yet looked at.
    while chunk := await response.content.readany():
        if start is not None and len(start := start + chunk) >= START_BYTES:
            _require_start(wanted, response, start)
            start = None
        have += len(chunk)
        if have > (_room_for_packed(largest) if part.packed else largest):
            if wanted.bytes is not None:
                raise Wrong("wrong size", f"more than the {wanted.bytes:,} bytes came that {wanted.place} says")
            part.forget()
            raise _too_large("more came", wanted, largest)
        opened.write(chunk)
        way.arrived(len(chunk))
        if time.monotonic() > slow_at:
            if have - slow_from < SLOW_BYTES:
                raise Again("timeout", "the server sends next to nothing")
            slow_at, slow_from = time.monotonic() + SLOW_SECONDS, have
    if part.size is not None and have != part.size:
        raise Again("connection", "the connection was cut before the file was whole")
    if part.size is None and wanted.bytes is not None and have < wanted.bytes and not part.packed:
        raise Again("connection", "the connection was cut before the file was whole")
    if start:
        _require_start(wanted, response, start)


def _require_start(wanted: Wanted, response: aiohttp.ClientResponse, start: bytes) -> None:
    """Raises Wrong where a file that begins so is not what was wanted: the rest need not come."""
    html = "html" in response.content_type and not starts_as(wanted.kind, start)
    if wanted.kind != "file" and (html or looks_like_html(start)):
        raise Wrong("web page", _page(wanted))
    if html and not wanted.name.lower().endswith((".html", ".htm")):
        raise Wrong("web page", _page(wanted))
    if (fault := start_fault(wanted, start)) is not None:
        raise fault


def _room_for_packed(largest: int) -> int:
    """What cannot be packed any smaller grows by a little."""
    return largest + largest // 100 + 1000


def _too_large(what: str, wanted: Wanted, largest: int) -> Refused:
    declare = "" if wanted.by_content else "write its `bytes` into sources.yaml, or "
    return Refused(
        "too large", f"{what}, and {bytes_text(largest)} is the most. If it is right, {declare}give --max-mb"
    )


def _page(wanted: Wanted) -> str:
    return (
        f"a web page came instead of {'a picture' if wanted.kind == 'image' else 'the file'}: the link may ask for a "
        "click, a log-in or a virus warning to be read. Open it in a browser, or give a direct link"
    )
