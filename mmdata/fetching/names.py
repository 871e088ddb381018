"""Local names: ours, or an archive's once they are known to be harmless."""

import unicodedata

from ..names import printable

LONGEST_PART, LONGEST = 255, 1000
"""Bytes of a part between two `/`, and of the whole, that file systems take."""


def name_fault(name: str) -> str | None:
    """Why a file may not be written under this path below a folder, or None where it may."""
    parts = name.split("/")
    if not name or not all(parts):
        return "it is empty, absolute, or has an empty part"
    if parts[0][1:2] == ":" or "\\" in name:
        return "it is a path of another system"
    if {".", ".."} & set(parts):
        return "it leads out of its folder"
    if any(not c.isprintable() for c in name):
        return f"it holds a control letter ({printable(name)})"
    if len(name.encode()) > LONGEST or max(len(part.encode()) for part in parts) > LONGEST_PART:
        return "it is too long"
    return None


def key_of(name: str) -> str:
    """The same for two names that one file system or another would take for one (upper case, NFD)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


class Names:
    """Paths given so far; says which two would meet in one place."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def clash(self, name: str) -> str | None:
        """Take the path; returns the earlier one that it meets, if there is one."""
        key = key_of(name)
        if earlier := self._files.get(key) or self._folders.get(key):
            return earlier
        self._files[key] = name
        at = key.rfind("/")
        while at > 0 and key[:at] not in self._folders:
            if earlier := self._files.get(key[:at]):
                return earlier
            self._folders[key[:at]] = name
            at = key.rfind("/", 0, at)
        return None
