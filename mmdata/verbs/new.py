"""`mmdata new`: scaffold a corpus that builds and loads as it is."""

import re
import shutil
from pathlib import Path

from ..corpus import HOME, NAME, corpora_in
from ..errors import CorpusError
from .build import build

TEMPLATE = Path(__file__).parent.parent / "template"
# A user's own files stay behind.
LOCAL = shutil.ignore_patterns("data", "source", ".*", "__pycache__", "annotations.sqlite*", "prices.yaml")


def new(name: str, under: str | Path = "dataset_builders", like: str | None = None) -> Path:
    """Make a corpus folder and return its path.

    Args:
        name: becomes the folder's name and the dataset's; without `like` also, in CamelCase, the builder's.
        under: the folder to make it in; created if need be.
        like: a corpus that ships with mmdata, to copy instead of the blank template.

    Raises:
        CorpusError: the name will not do, is taken, or `like` is unknown.
    """
    if not re.fullmatch(NAME, name):
        raise CorpusError(
            f"{name!r}: a corpus is named in lower case letters, digits and _, beginning with a letter "
            "(`datasets` makes cache folders and split names of it), such as birds"
        )
    folder = Path(under).expanduser() / name
    if folder.exists():
        raise CorpusError(f"{folder} already exists; choose another name or another folder to make it in")
    if like:
        shipped = {found.name: found for found in corpora_in(HOME)}
        if like not in shipped:
            raise CorpusError(f"no corpus {like!r} ships with mmdata. There are: {', '.join(shipped)}")
        shutil.copytree(shipped[like], folder, ignore=LOCAL)
        shutil.copy(TEMPLATE / "gitignore", folder / ".gitignore")
        return folder
    shutil.copytree(TEMPLATE, folder, ignore=LOCAL)
    (folder / "gitignore").rename(folder / ".gitignore")
    (folder / "builder.py.txt").rename(folder / "builder.py")
    title = name.replace("_", " ").capitalize()
    kind = "".join(part.capitalize() for part in name.split("_"))
    for path in ("builder.py", "README.md"):
        text = (folder / path).read_text(encoding="utf-8")
        for word, value in {"__name__": name, "__Title__": title, "__Kind__": kind}.items():
            text = text.replace(word, value)
        (folder / path).write_text(text, encoding="utf-8")
    build(folder, sample=True)
    return folder
