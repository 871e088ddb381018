"""`--where`: rows by a polars SQL expression over their fields."""

from collections.abc import Iterator

import polars as pl

from .errors import AnnotationError
from .reading import Release


def ids_where(release: Release, expression: str) -> Iterator[str]:
    """Ids of the rows for which the expression holds, such as "label = '건선' AND view = '정면'".

    It may name split, id, place and every field but pictures.

    Raises:
        AnnotationError: it is no expression, or not one of true or false.
    """
    fields = [name for name, kind in release.kinds.items() if kind != "image" and name != "id"]
    try:
        condition = pl.sql_expr(expression)
        used = set(condition.meta.root_names())
        rows = pl.DataFrame(pl.from_arrow(release.table([f for f in fields if f in used])))
        yield from rows.filter(condition)["id"]
    except pl.exceptions.PolarsError as error:
        choices = ", ".join(["split", "id", "place", *fields])
        raise AnnotationError(
            f"--where {expression!r}: {str(error).splitlines()[0]}. It may use: {choices}; text in single quotes: label = '건선'"
        ) from None
