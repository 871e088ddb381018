"""All files: many at once, few of one server, each brought to its end."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import aiohttp

from ..interrupts import INTERRUPTED
from ..progress import Progress
from ..sources import shown
from .addresses import address
from .content import CHOSEN, Whole, digest_of, examined, settle
from .failures import Failures
from .faults import Failure, Refused, Stop, Wrong, disk_fault
from .getting import Way, get
from .hosts import PAUSE_SECONDS, Host
from .ledger import Ledger
from .parts import Part
from .unpacking import Unpacking
from .wanted import Wanted

CONNECT_SECONDS, READ_SECONDS = 15.0, 60.0
"""To reach a server; between two pieces of a file."""
WRONG_TRIES = 2
"""Times that something else than the file may come."""
AT_WORK = 3
"""Files of a server in hand for each of its requests at once: some are looked at while others come."""
TELL_SECONDS = 0.2


@dataclass(slots=True)
class Fetched:
    """What a fetch brought."""

    folder: Path
    """The corpus folder."""
    into: Path
    """Where the files are."""
    here: int = 0
    """Files that were whole already: nothing was asked for."""
    fetched: int = 0
    """Files got, checked and in their places."""
    bytes: int = 0
    """That came, of no use or not."""
    archives: int = 0
    unpacked: int = 0
    """Files out of so many archives."""
    failures: list[Failure] = field(default_factory=list)
    """Files that could not be had in this run; .fetch/failures.jsonl lists them too."""
    earlier: int = 0
    """Files that failed in earlier runs, were not asked for in this one, and are still not here."""
    seconds: float = 0.0


class Run:
    """One run into one folder, which the caller has locked.

    Args:
        tally: with the folder where the files go; what is done is counted there.
        ledger: of that folder, open.
        largest: bytes that a file may have whose size is not declared; by default by its kind.
        per_host, concurrency: requests at once, of one server and of all.
        failures: of that folder, open.
    """

    def __init__(
        self,
        tally: Fetched,
        ledger: Ledger,
        *,
        largest: int | None,
        per_host: int,
        concurrency: int,
        failures: Failures,
        progress: Progress,
    ):
        self._tally, self._folder, self._ledger, self._largest = tally, tally.into, ledger, largest
        self._per_host, self._concurrency = per_host, concurrency
        self._failures, self._progress = failures, progress
        self._stop, self._unpacking = Stop(), asyncio.Lock()
        self._sizes: dict[str, int] = {}
        self._by_hand: set[str] = set()
        self._done_bytes, self._all, self._told = 0, 0, 0.0

    async def bring(self, wanted: Sequence[Wanted]) -> None:
        """Get all of them. Raises SourceError where the disk will not have them."""
        self._all = len(wanted)
        self._sizes = {one.name: one.bytes for one in wanted if one.bytes}
        queues: dict[str, deque[Wanted]] = {}
        for one in wanted:
            queues.setdefault(address(one.url).authority.rpartition("@")[2], deque()).append(one)
        slots = asyncio.Semaphore(self._concurrency)
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS)
        threads = ThreadPoolExecutor(min(32, self._concurrency), "fetch")  # Most of them wait for the disk.
        asyncio.get_running_loop().set_default_executor(threads)
        watch = asyncio.create_task(self._watch(asyncio.current_task()))
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0),  # The semaphores are the limits.
                    timeout=timeout,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                    trust_env=True,
                ) as session,
                asyncio.TaskGroup() as group,
            ):
                for name, queue in queues.items():
                    host = Host(name, asyncio.Semaphore(self._per_host))
                    way = Way(session, host, slots, self._arrived, self._learned, self._stop)
                    for _ in range(min(AT_WORK * self._per_host, len(queue))):
                        group.create_task(self._drain(way, queue))
        except BaseExceptionGroup as several:  # The first took the others down.
            raise several.exceptions[0] from None
        finally:
            self._stop.set()
            watch.cancel()

    async def _watch(self, run: "asyncio.Task[None] | None") -> None:
        """A notebook's interrupt comes by this flag only."""
        while not INTERRUPTED.is_set():
            await asyncio.sleep(0.2)
        if run:
            run.cancel()

    async def _drain(self, way: Way, queue: deque[Wanted]) -> None:
        while queue:
            await self._one(way, queue.popleft())

    async def _one(self, way: Way, wanted: Wanted) -> None:
        try:
            whole = await self._whole(way, wanted)
            if wanted.unpack and whole is not None:
                await self._unpack(wanted, whole)
            self._failures.settled(wanted.name)
        except Refused as refused:
            self._fail(wanted, refused.kind, refused.reason)
        self._tell()

    async def _whole(self, way: Way, wanted: Wanted) -> Whole | None:
        """The file in its place; None where it is not needed, because it was unpacked."""
        place = self._folder / wanted.name
        known = self._ledger.file_of(wanted.key) if wanted.by_content else self._known(wanted)
        if known is not None and (there := await self._still(wanted, known)) is not None:
            self._is_here(there)
            return there
        if known is not None and wanted.unpack and not place.exists():
            files = await asyncio.to_thread(Unpacking(self._folder, wanted.name).done, known.sha256)
            if files is not None:  # The archive may be removed once it was unpacked.
                self._is_here(known)
                return None
        endings = () if not place.parent.is_dir() else CHOSEN if wanted.by_content else ("",)
        for ending in endings:
            found = place.with_name(place.name + ending)
            if found.exists() and (found.is_dir() or self._ledger.source_of(wanted.name + ending) is None):
                return await self._adopted(wanted, found)
        return await self._fetched(way, wanted)

    def _known(self, wanted: Wanted) -> Whole | None:
        """The file as an earlier run got it, if it is what is wanted now."""
        noted = self._ledger.source_of(wanted.name)
        if noted is None:
            return None
        url, whole = noted
        if wanted.sha256 is not None:
            return whole if whole.sha256 == wanted.sha256 else None
        return whole if url == wanted.key and wanted.bytes in {None, whole.bytes} else None

    async def _still(self, wanted: Wanted, known: Whole) -> Whole | None:
        """The file, if it is there as it was; one whose time is another is read again."""
        place = self._folder / known.file
        try:
            there = place.stat()
            if not place.is_file() or there.st_size != known.bytes:
                return None
            if there.st_mtime_ns != known.mtime:
                if await asyncio.to_thread(digest_of, place, self._stop) != known.sha256:
                    return None
                known = replace(known, mtime=there.st_mtime_ns)
                self._ledger.add(wanted.key, known)
        except OSError:
            return None
        return known

    async def _adopted(self, wanted: Wanted, place: Path) -> Whole:
        """A file that was put there by hand, or that a crash left without its line: ours if it is what is wanted."""
        try:
            if not place.is_file():
                raise Wrong("folder", "it is no file")
            digest, _ = await asyncio.to_thread(examined, place, wanted, self._stop)
        except Wrong as wrong:
            raise Refused(
                "name taken",
                f"{place} is there already and is not this file: {wrong.reason}. Move it away, then run this again",
            ) from None
        except OSError as error:
            raise disk_fault(error, place) from None
        there = place.stat()
        whole = Whole(str(place.relative_to(self._folder)), there.st_size, digest, there.st_mtime_ns)
        self._ledger.add(wanted.key, whole)
        self._by_hand.add(wanted.name)
        self._is_here(whole)
        return whole

    async def _fetched(self, way: Way, wanted: Wanted) -> Whole:
        part, largest = Part(self._folder / ".fetch", wanted), wanted.largest(self._largest)
        self._done_bytes += part.have if part.resumable else 0
        for time_left in reversed(range(WRONG_TRIES)):
            try:
                await get(way, wanted, part, largest)
                whole = await asyncio.to_thread(settle, part, wanted, self._folder, largest, self._stop)
                break
            except Wrong as wrong:
                self._arrived(-part.have)
                part.forget()
                if not time_left:
                    way.host.gave()
                    raise Refused(wrong.kind, wrong.reason) from None
                await asyncio.sleep(PAUSE_SECONDS)
            except Refused as refused:
                if refused.kind.startswith("http 4"):
                    way.host.gave()
                raise
        way.host.gave()
        self._ledger.add(wanted.key, whole)
        self._tally.fetched += 1
        return whole

    async def _unpack(self, wanted: Wanted, whole: Whole) -> None:
        unpacking = Unpacking(self._folder, wanted.name)
        async with self._unpacking:  # One at a time: two would only get in each other's way on the disk.
            if await asyncio.to_thread(unpacking.done, whole.sha256) is not None:
                return
            try:
                self._tally.unpacked += await asyncio.to_thread(unpacking.run, whole.sha256, self._stop)
                self._tally.archives += 1
            except Refused as refused:
                if refused.kind == "broken archive":
                    raise Refused(refused.kind, f"{refused.reason}. {self._given_up(wanted)}") from None
                raise

    def _given_up(self, wanted: Wanted) -> str:
        """Of a broken archive: it is not taken for whole the next time. Returns the next step."""
        if wanted.sha256 is not None:
            return "It is damaged where it comes from: its sha256 is the one declared"
        self._ledger.forget(wanted.name)
        if wanted.name in self._by_hand:
            return "Remove the archive, then run the same command again"
        try:
            (self._folder / wanted.name).unlink(missing_ok=True)
        except OSError as error:
            raise disk_fault(error, self._folder / wanted.name) from None
        return "It was removed; the same command gets it anew. If it stays so, it is damaged where it comes from"

    def _is_here(self, whole: Whole) -> None:
        self._tally.here += 1
        self._sizes.pop(whole.file, None)

    def _fail(self, wanted: Wanted, kind: str, reason: str) -> None:
        self._sizes.pop(wanted.name, None)
        self._failures.note(Failure(wanted.name, shown(wanted.url), kind, reason, wanted.place))

    def _learned(self, wanted: Wanted, size: int) -> None:
        self._sizes[wanted.name] = size

    def _arrived(self, count: int) -> None:
        self._done_bytes += count
        self._tally.bytes += max(0, count)
        self._tell()

    def _tell(self) -> None:
        if (now := time.monotonic()) - self._told >= TELL_SECONDS:
            self._told = now
            failed = len(self._failures.new)
            done = self._tally.here + self._tally.fetched + failed
            total = sum(self._sizes.values()) if len(self._sizes) < 1000 else 0
            note = f"{done:,}/{self._all:,} files" + (f", {failed:,} failed" if failed else "")
            self._progress.bytes(self._done_bytes, max(total, self._done_bytes) or None, note)
