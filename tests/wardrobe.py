"""A corpus to be searched, in a folder with a Korean name and a space: a class a folder, and a view where one is given."""

from collections.abc import Mapping
from pathlib import Path

import mmdata

CLASSES = ("모자", "신발", "치마")


def wardrobe(home: Path, pictures: Mapping[str, bytes], view: str = "", classes: tuple[str, ...] = CLASSES) -> Path:
    """A corpus with a release of these pictures.

    Args:
        pictures: "<class>/<name>.png" → its bytes.
        view: the text of its views.py.
    """
    folder = mmdata.new("wardrobe", under=home / "옷 장")
    (folder / "labels.yaml").write_text("label:\n" + "".join(f"  {name}: {{}}\n" for name in classes), encoding="utf-8")
    if view:
        (folder / "views.py").write_text(view, encoding="utf-8")
    put_in(folder, pictures)
    return folder


def put_in(folder: Path, pictures: Mapping[str, bytes]) -> None:
    """Add pictures, and make the next release of all."""
    source = folder.parent / "source"
    for place, content in pictures.items():
        path = source / "train" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    mmdata.build(folder, source=source)
