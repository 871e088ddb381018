"""How many requests at once, and how soon the next: found out from the server's own words.

The number at once grows by one a round of answers and is cut at a 429 (AIMD, as TCP does: Chiu and
Jain 1989). Requests and tokens a minute are two buckets, filled from `x-ratelimit-limit-*` or the
user's own numbers; where a server says 429 and no number, from the answers that came between two of
them. A breaker holds all back while the server is down, and lets one try.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

CUT = 0.7
"""What a 429 leaves of the number at once; one cut a second at most."""
DOWN_AFTER = 5
"""Rows that fail with no answer between them: the server's fault, then, and not theirs. Opens the breaker."""
LONGEST_PAUSE = 30.0
PACE_SECONDS = 30.0
"""Without a 429, after which the pace that the last ones set is forgotten."""


@dataclass
class Bucket:
    """So many a minute, evenly: what one second does not use, at most, is left for the next."""

    per_minute: float
    level: float = 0.0
    filled: float = 0.0

    def wait(self, now: float, amount: float) -> float:
        """Seconds until `amount` may be taken; 0 takes it."""
        rate = self.per_minute / 60
        burst = max(rate, amount)
        self.level = min(burst, self.level + (now - self.filled) * rate) if self.filled else burst
        self.filled = now
        if self.level >= amount:
            self.level -= amount
            return 0.0
        return (amount - self.level) / rate


@dataclass
class Limits:
    """Shared by all requests of a run. Times in seconds of `clock`, which never goes back."""

    most: int
    """Requests at once, at most."""
    rpm: float | None = None
    tpm: float | None = None
    """Requests and tokens a minute, given by the user: what the server says is then not asked."""
    clock: Callable[[], float] = time.monotonic
    level: float = 0.0
    """Requests at once, now."""
    busy: int = 0
    requests: Bucket | None = None
    tokens: Bucket | None = None
    pace: Bucket | None = None
    resume_at: float = 0.0
    troubled_since: float | None = None
    """When the server, since its last answer, first failed or asked to slow down."""
    down: bool = False
    """The breaker is open: one request at a time, to see whether the server is back."""
    _failing: set[object] = field(default_factory=set)
    _pauses: int = 0
    _cut_at: float | None = None
    _answers: int = 0
    """Since then."""
    _waiting: "deque[asyncio.Future[None]]" = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.level = min(self.most, 16.0)
        self.requests = Bucket(self.rpm) if self.rpm else None
        self.tokens = Bucket(self.tpm) if self.tpm else None

    async def take(self, tokens: float) -> None:
        """Wait until a request of about so many tokens may go."""
        while True:
            pause = self.resume_at - self.clock()
            if pause <= 0:
                if self._room() <= 0:
                    await self._turn()
                    continue
                pause = self._drawn(tokens)
                if pause <= 0:
                    self.busy += 1
                    return
            await asyncio.sleep(max(pause, 0.001))

    def _room(self) -> int:
        return (1 if self.down else int(self.level)) - self.busy

    async def _turn(self) -> None:
        """Wait until a request that ended makes room."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            self._wake()  # The turn may have come already: it is another's.
            raise

    def _wake(self) -> None:
        room = self._room()
        while room > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                room -= 1

    def _drawn(self, tokens: float) -> float:
        now = self.clock()
        drawn: list[Bucket] = []
        for bucket, amount in ((self.pace, 1.0), (self.requests, 1.0), (self.tokens, tokens)):
            if bucket is None:
                continue
            if pause := bucket.wait(now, amount):
                for other in drawn:  # Only ever of the two that count requests.
                    other.level += 1
                return pause
            drawn.append(bucket)
        return 0.0

    def give_back(self) -> None:
        """A request ended, however."""
        self.busy -= 1
        self._wake()

    def went_well(self, headers: Mapping[str, str]) -> None:
        self.is_up()
        self._answers += 1
        self.level = min(self.most, self.level + (1 if self.level < self.most / 2 else 1 / self.level))
        if self.pace and self._cut_at is not None and self.clock() - self._cut_at < PACE_SECONDS:
            self.pace.per_minute += 1800 / self.pace.per_minute  # Half a request a second more, every second.
        else:
            self.pace = None
        self._learn(headers)

    def is_up(self) -> None:
        """It answers, be it that a row is refused."""
        self._failing.clear()
        self.down, self.troubled_since, self._pauses = False, None, 0

    def slow_down(self, wait: float | None) -> None:
        """A 429."""
        now = self.clock()
        self._troubled(now)
        if self._cut_at is None or now - self._cut_at >= 1:
            self.level = max(1.0, self.level * CUT)
            if self._cut_at is not None:
                self.pace = Bucket(60 * max(1.0, self._answers / (now - self._cut_at)))
            self._cut_at, self._answers = now, 0
        self.resume_at = max(self.resume_at, now + (wait if wait is not None else 1.0))

    def failed(self, row: object, wait: float | None) -> None:
        """The server was not reached, or is failing, at this row."""
        now = self.clock()
        self._troubled(now)
        self._failing.add(row)
        self.down = len(self._failing) >= DOWN_AFTER
        if self.down and now >= self.resume_at:  # Else it was sent before the breaker opened.
            self.resume_at = now + min(LONGEST_PAUSE, 0.5 * 2 ** min(10, self._pauses))
            self._pauses += 1
        if wait is not None:
            self.resume_at = max(self.resume_at, now + wait)

    def _troubled(self, now: float) -> None:
        if self.troubled_since is None:
            self.troubled_since = now

    def _learn(self, headers: Mapping[str, str]) -> None:
        if self.rpm is None:
            self.requests = _bucket(self.requests, headers.get("x-ratelimit-limit-requests"))
        if self.tpm is None:
            self.tokens = _bucket(self.tokens, headers.get("x-ratelimit-limit-tokens"))


def _bucket(bucket: Bucket | None, limit: str | None) -> Bucket | None:
    try:
        number = float(limit or "")
    except ValueError:
        return bucket
    if not 0 < number <= 1e7:  # Azure's −1, and numbers that limit nothing.
        return None
    if bucket is None or bucket.per_minute != number:
        return Bucket(number)
    return bucket
