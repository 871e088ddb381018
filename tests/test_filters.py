"""`annotate --where`: the grammar of searching/where.py over a release's fields."""

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from mmdata.errors import AnnotationError
from mmdata.filters import ids_where
from mmdata.reading import Release


class Held(Release):
    """A release that is in memory."""

    def table(self, fields):
        ids = {name: ["하나", "둘", "셋"] for name in ("split", "id", "place")}
        values = {
            "label": ["건선", None, "아토피"],
            "lesions": [None, [[1]], None],
            "grade": [3, 2, 1],
            "tags": [["a"], [], ["b"]],
        }
        return pa.table(ids | {name: values[name] for name in fields})


def test_annotate_asks_a_release_in_the_same_grammar():
    names = {"class_label": {"names": {"0": "건선", "1": "아토피"}}}
    features = [{"name": "id", "dtype": "string"}, {"name": "image", "dtype": "image"}, {"name": "label", "dtype": names},
                {"name": "lesions", "list": {"list": "int64"}}, {"name": "grade", "dtype": "int32"}, {"name": "tags", "list": "string"}]  # fmt: skip
    release = Held(None, SimpleNamespace(features=features, version="1.0.0"), Path())
    for where, passes in {
        "label != '건선'": ["셋"],
        "lesions is null and grade < 2.5": ["셋"],
        "id in ('둘', '넷') or tags = 'a'": ["하나", "둘"],
        "place > '둘'": ["하나", "셋"],
    }.items():
        assert list(ids_where(release, where)) == passes, where
    for where, said in {
        "label = 3": "label is text; 3 is a number",
        "image is null": "there is no column 'image'",
    }.items():
        with pytest.raises(AnnotationError, match=f"^--where '{where}': {said}.* split, id, place, label, lesions"):
            list(ids_where(release, where))
