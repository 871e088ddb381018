"""Strings put into Markdown so that they stay what they are: class names, models and file names may hold anything."""

import re
from collections.abc import Iterable, Sequence

from ..names import printable


class Markdown(str):
    """Text that is Markdown already."""

    __slots__ = ()


def plain(value: object) -> str:
    """Any text on one line, without letters that cannot be seen."""
    return printable(" ".join(str(value).split()))


def text(value: object) -> Markdown:
    """Any text as Markdown that shows it, on one line, in a table or out of it; Markdown as it is."""
    if isinstance(value, Markdown):
        return value
    html = plain(value).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Markdown(re.sub(r"([\\`*_\[\]|~])", r"\\\1", html))


def code(value: object) -> Markdown:
    """As code, where that can hold it; a backtick or a table's bar cannot be escaped in it."""
    shown = plain(value)
    return Markdown(f"`{shown}`") if re.fullmatch(r"[^`|<&\\]+", shown) else text(shown)


def link(name: str, address: str | None) -> Markdown:
    """A link, where the address can be one; else the name alone."""
    if address and re.fullmatch(r"(https?://)?[\w./?=&%#~+,-]+", address):
        return Markdown(f"[{text(name)}]({address})")
    return text(name)


def row(*cells: object) -> Markdown:
    """One line of a table."""
    return Markdown(f"| {' | '.join(map(text, cells))} |")


def table(head: Sequence[str], rows: Iterable[Sequence[object]], *, right: int = 1) -> Markdown:
    """A table; all but the first `right` columns hold numbers and stand on the right."""
    marks = Markdown("|" + "".join("---|" if n < right else "---:|" for n in range(len(head))))
    return Markdown("\n".join([row(*head), marks, *(row(*cells) for cells in rows)]))
