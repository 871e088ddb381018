"""An archive becomes a folder: whole, or not there."""

import json
import os
import shutil
import zlib
from hashlib import sha256
from pathlib import Path

from .faults import Refused, Stop, disk_fault
from .members import DAMAGE, Member, largest_of, members_of, unsafe
from .names import Names
from .sources_file import folder_of
from .wanted import CHUNK


class Unpacking:
    """The folder that one archive becomes.

    It is filled aside, then a marker is written, then it is renamed: the marker is the commit. Killed before, the
    next run goes on with what is there (a zip's files are known by their checksums); killed after, it renames.
    """

    def __init__(self, folder: Path, name: str):
        self.archive, self.place = folder / name, folder / folder_of(name)
        key = f"{self.place.name[:60]}-{sha256(name.encode()).hexdigest()[:8]}"
        self._marker = folder / ".fetch" / f"{key}.unpacked.json"
        self._aside = folder / ".fetch" / f"{key}.unpacking"

    def done(self, digest: str) -> int | None:
        """How many files are in the folder, if it holds this archive; None where it has to be unpacked."""
        try:
            note = json.loads(self._marker.read_text(encoding="utf-8"))
            if note["archive"] != digest:
                return None
            if self._aside.exists():
                self._publish()
            return int(note["files"]) if self.place.is_dir() else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    def run(self, digest: str, stop: Stop) -> int:
        """Unpack it; returns how many files it holds.

        Args:
            digest: the archive's sha256.

        Raises:
            Refused: it is damaged, or something in it is not harmless; then nothing of it is there.
            SourceError: the disk will not have it.
        """
        if self.place.exists() and not self._marker.exists():
            raise Refused(
                "name taken",
                f"{self.place} is there already and was not unpacked by mmdata; move it away, or give --no-unpack",
            )
        if not self.place.exists():
            self._marker.unlink(missing_ok=True)  # Of a folder that was removed: what is filled now is not yet whole.
        try:
            for_this = self._aside / ".archive"
            if not for_this.exists() or for_this.read_text(encoding="utf-8") != digest:
                shutil.rmtree(self._aside, ignore_errors=True)
                (self._aside / "files").mkdir(parents=True)
                for_this.write_text(digest, encoding="utf-8")
            try:
                files = self._fill(stop)
            except Refused:
                shutil.rmtree(self._aside, ignore_errors=True)
                raise
            os.sync()  # Once for all of its files; one by one takes minutes.
            note = self._marker.with_suffix(".json.new")
            note.write_text(json.dumps({"archive": digest, "files": files}), encoding="utf-8")
            os.replace(note, self._marker)
            self._publish()
        except OSError as error:
            raise disk_fault(error, self.place) from None
        return files

    def _fill(self, stop: Stop) -> int:
        names, count, total = Names(), 0, 0
        most = largest_of(self.archive.stat().st_size)
        folders: set[Path] = set()
        for member in members_of(self.archive):
            stop.look()
            if (earlier := names.clash(member.name)) is not None:
                raise unsafe(self.archive, f"{earlier!r} and {member.name!r} would be one file on many disks")
            total += member.size
            if total > most:
                raise unsafe(self.archive, f"it grows to more than {most:,} bytes: a bomb")
            path = self._aside / "files" / member.name
            if path.parent not in folders:
                path.parent.mkdir(parents=True, exist_ok=True)
                folders.add(path.parent)
            if not _is_there(path, member, stop):
                self._write(path, member, stop)
            count += 1
        if not count:
            raise Refused("broken archive", f"{self.archive.name} holds no file")
        return count

    def _write(self, path: Path, member: Member, stop: Stop) -> None:
        left = member.size
        with path.open("wb") as out:
            try:
                source = member.opened()
            except DAMAGE as error:
                raise self._damaged(member, error) from None
            with source:
                while True:
                    stop.look()
                    try:
                        chunk = source.read(CHUNK)
                    except DAMAGE as error:
                        raise self._damaged(member, error) from None
                    if not chunk:
                        break
                    left -= len(chunk)
                    out.write(chunk)
        if left:
            raise self._damaged(member, "it has not as many bytes as it says")

    def _publish(self) -> None:
        """The filled folder takes the place of an earlier one."""
        old = self._aside.with_suffix(".old")
        shutil.rmtree(old, ignore_errors=True)
        filled = self._aside / "files"
        if filled.exists():
            self.place.parent.mkdir(parents=True, exist_ok=True)
            if self.place.exists():
                os.rename(self.place, old)
            os.rename(filled, self.place)
        shutil.rmtree(old, ignore_errors=True)
        shutil.rmtree(self._aside)

    def _damaged(self, member: Member, why: object) -> Refused:
        return Refused(
            "broken archive",
            f"{self.archive.name}: {member.name!r} cannot be unpacked: {str(why) or type(why).__name__}",
        )


def _is_there(path: Path, member: Member, stop: Stop) -> bool:
    """Whether an earlier run has unpacked it."""
    try:
        if member.crc is None or path.stat().st_size != member.size:
            return False
    except FileNotFoundError:
        return False
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            stop.look()
            crc = zlib.crc32(chunk, crc)
    return crc == member.crc
