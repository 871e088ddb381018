"""A Hub on loopback whose large files go to a content-addressed store, for the real hf_xet client to push to.

It speaks as much of the Xet protocol (https://huggingface.co/docs/xet) as an upload asks for. Every file is put
together again from what has been sent, and is the Hub's only when its sha256 is what the client said: what is
counted here is enough to have the files back. Hub and store are one server, so its log has every request of a push.
"""

import struct
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1]))
from hub_api import Answer, Asked, Refused
from hub_server import Hub

HEADER, ENTRY, FOOTER = 48, 48, 200
"""Bytes of a shard's header, of anything listed in it, and of its footer."""
TAG = 32
"""Bytes of the header's tag; its version and the footer's size follow."""
VERIFIED, NAMED = 1 << 31, 1 << 30
"""Flags of a file in a shard: a hash for each of its terms follows, its sha256 follows."""
OFFERED = 1 << 31
"""Flag of a chunk: another client may ask for it by its hash."""
END = b"\xff" * 32
EVERY = 1024
"""Of so many chunk hashes one may be asked for, beside each file's first."""


class XetHub(Hub):
    """What it holds, and what it tells of it.

    A client may ask whether a chunk is there: as in the real store, the first of each file and one in 1,024. So a
    machine that has pushed nothing before finds what others have sent; one that has, remembers it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.xorbs: dict[str, list[bytes]] = {}
        """Hash → chunks as they are sent: packed, each with its header."""
        self.known: dict[str, bytes] = {}
        """Hash of a chunk that may be asked for → shard that says where it is."""

    def answer(self, asked: Asked) -> Answer:
        path = asked.path.strip("/").split("/")
        if path[-2:-1] == ["xet-write-token"]:
            said = {"casUrl": self.url, "accessToken": "xet", "exp": int(time.time()) + 3600}
            headers = {"X-Xet-Cas-Url": said["casUrl"], "X-Xet-Access-Token": said["accessToken"]}
            return Answer(body=said, headers=headers | {"X-Xet-Token-Expiration": str(said["exp"])})
        match path:
            case ["v1", "xorbs", _, name]:
                self.xorbs[name] = list(_packed(asked.body))
                return Answer(body={"was_inserted": True})
            case ["v2", "shards"]:
                self._register(asked.body)
                return Answer(body=b'{"type": "result"}\n')
            case ["v1", "chunks", _, name]:
                if name not in self.known:
                    raise Refused(404)
                return Answer(body=self.known[name])
            case ["v1", "xorb-grants", *_]:  # An address elsewhere to send to; without one it is sent here.
                raise Refused(404)
        return super().answer(asked)

    def _register(self, body: bytes) -> None:
        """Put a shard's files together, and keep what it says of chunks."""
        shard = Shard.of(body)
        for digest, terms in shard.files:
            whole = b"".join(_unpacked(chunk) for xorb, first, last in terms for chunk in self.xorbs[xorb][first:last])
            if sha256(whole).hexdigest() != digest:
                raise Refused(400, message=f"what was sent does not make the file {digest}")
            self.stored[digest] = whole
        starts = {(terms[0][0], terms[0][1]) for _, terms in shard.files if terms}
        told = _with_footer(body, shard)
        for xorb, chunks in shard.xorbs.items():
            for at, (name, flags) in enumerate(chunks):
                if flags & OFFERED or int(name[-16:], 16) % EVERY == 0 or (xorb, at) in starts:
                    self.known[name] = told


@dataclass
class Shard:
    """What a client says of the files that it has sent."""

    files: list[tuple[str, list[tuple[str, int, int]]]]
    """sha256, and the terms it is made of: chunks first to last of a xorb."""
    xorbs: dict[str, list[tuple[str, int]]]
    """Of the new ones: hash → hash and flags of each chunk."""
    chunks_at: int
    """Where they begin."""
    chunks_end: int

    @classmethod
    def of(cls, body: bytes) -> "Shard":
        files, xorbs, at = [], {}, HEADER
        while body[at : at + 32] != END:
            flags, count = struct.unpack_from("<II", body, at + 32)
            terms = []
            for start in range(at + ENTRY, at + ENTRY * (count + 1), ENTRY):
                first, last = struct.unpack_from("<II", body, start + 40)
                terms.append((_name(body, start), first, last))
            at += ENTRY * (1 + count * (2 if flags & VERIFIED else 1))
            if flags & NAMED:
                files.append((_name(body, at), terms))
                at += ENTRY
        chunks_at = at = at + ENTRY
        while body[at : at + 32] != END:
            xorb, (count,) = _name(body, at), struct.unpack_from("<I", body, at + 36)
            places = range(at + ENTRY, at + ENTRY * (count + 1), ENTRY)
            xorbs[xorb] = [(_name(body, place), struct.unpack_from("<I", body, place + 40)[0]) for place in places]
            at += ENTRY * (count + 1)
        return cls(files, xorbs, chunks_at, at + ENTRY)


def _name(body: bytes, at: int) -> str:
    """A hash as it is written: four numbers."""
    return "".join(f"{part:016x}" for part in struct.unpack_from("<4Q", body, at))


def _with_footer(body: bytes, shard: Shard) -> bytes:
    """What a client is told of chunks: the shard without its files, and where in it things are."""
    chunks = body[shard.chunks_at : shard.chunks_end]
    begin = HEADER + ENTRY
    end = begin + len(chunks)
    version = struct.unpack_from("<Q", body, TAG)[0]
    head = body[:TAG] + struct.pack("<QQ", version, FOOTER) + END + bytes(ENTRY - 32)
    lists = [1, HEADER, begin, end, 0, end, 0, end, 0]
    times = [int(time.time()), int(time.time()) + 3600]
    return head + chunks + struct.pack("<9Q32x2Q48x4Q", *lists, *times, 0, 0, 0, end)


def _packed(xorb: bytes) -> Iterator[bytes]:
    """The chunks of a xorb; a footer may follow them."""
    at = 0
    while at < len(xorb) and xorb[at] == 0:
        size = 8 + int.from_bytes(xorb[at + 1 : at + 4], "little")
        yield xorb[at : at + size]
        at += size


def _unpacked(chunk: bytes) -> bytes:
    scheme, size, data = chunk[4], int.from_bytes(chunk[5:8], "little"), chunk[8:]
    if scheme == 0:
        return data
    plain = bytes(pa.Codec("lz4").decompress(data, size))
    if scheme == 1:
        return plain
    # Scheme 2: every fourth byte stands together, so that numbers pack better.
    out, at = bytearray(size), 0
    for lane in range(4):
        length = len(range(lane, size, 4))
        out[lane::4] = plain[at : at + length]
        at += length
    return bytes(out)


def sent(hub: Hub) -> dict[str, int]:
    """What came in since `forget`: bytes of all bodies, of them file content; and the requests."""
    content = [r.bytes for r in hub.requests if r.path.startswith(("/storage/", "/v1/xorbs/"))]
    return {"bytes": sum(r.bytes for r in hub.requests), "content": sum(content), "requests": len(hub.requests)}
