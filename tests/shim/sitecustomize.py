"""Lets a torchvision that was built for another torch be imported: tests need its transforms, no operator of its own.

Python runs this at its start where the folder is on PYTHONPATH, so the recipes that tests start have it too. It does
nothing until torchvision is imported, and nothing where that goes well.
"""

import importlib.abc
import importlib.machinery
import re
import sys
from pathlib import Path

_LIBRARIES = []
"""torch forgets operators whose library is gone."""


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name != "torchvision":
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec and spec.loader:
            spec.loader.exec_module = _patient(spec.loader.exec_module, Path(spec.origin).parent)
        return spec


def _patient(execute, folder):
    def run(module):
        try:
            execute(module)
        except RuntimeError as error:
            if "torchvision::" not in str(error):
                raise
            for name in [name for name in sys.modules if name.startswith("torchvision.")]:
                del sys.modules[name]
            _declare(folder)
            execute(module)
            _decode(module)

    return run


def _declare(folder):
    import torch

    source = (folder / "_meta_registrations.py").read_text(encoding="utf-8")
    library = torch.library.Library("torchvision", "DEF")
    for name in sorted(set(re.findall(r'register_(?:fake|meta)\("(?:torchvision::)?(\w+)"\)', source))):
        library.define(f"{name}(Tensor x) -> Tensor")
    _LIBRARIES.append(library)


def _decode(torchvision):
    """Its own decoder is in the library that cannot be loaded; `transformers serve` asks for it."""
    import io

    import numpy as np
    import torch
    from PIL import Image

    def decode_image(content, mode="RGB", **options):
        decoded = Image.open(io.BytesIO(bytes(content.numpy()))).convert("RGB")
        return torch.from_numpy(np.array(decoded)).permute(2, 0, 1)

    torchvision.io.decode_image = torchvision.io.image.decode_image = decode_image


sys.meta_path.insert(0, _Finder())
