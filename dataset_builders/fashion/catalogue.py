"""The catalogues that there are, and what a line of each says of its item."""

import posixpath
import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import sha256
from typing import Any, NamedTuple

from mmdata import Reject
from mmdata.fetching.addresses import key_of_url

from .facts import SHOES
from .spellings import often, said, tidy

ALL_YEAR = {"사계절", "4계절", "all", "all season", "all seasons"}
"""Words for every season."""
ITEM = {"image_id", "s3_path", "thumbnail_url"}
"""Each says which picture is the item's, and so which item it is; the first of them that a line has is its id."""
OF_SHOP, OF_ARTICLES = {"sub_category", "season"}, {"id", "masterCategory", "articleType", "season"}
WANTED = (
    f"a catalogue has {', '.join(sorted(OF_SHOP))} and one of {', '.join(sorted(ITEM))}, styles.csv has "
    f"{', '.join(sorted(OF_ARTICLES))}, in a first line that names them, separated by commas, semicolons or tabs"
)
SOLD = {"true": True, "1": True, "y": True, "yes": True, "t": True, "품절": True} | {
    "false": False, "0": False, "n": False, "no": False, "f": False, "판매중": False,
}  # fmt: skip
VALUES = (
    "color", "style", "fit", "gender", "goods_name", "brand", "normal_price", "price", "sold_out", "goods_url",
    "thumbnail_url", "s3_path",
)  # fmt: skip
"""Columns of a row that a line gives as they are."""
OF_STYLES = {"color": "baseColour", "style": "usage", "gender": "gender", "goods_name": "productDisplayName"}
_PRICE = re.compile(r"(?:krw|₩|￦)?(\d+|\d{1,3}(?:,\d{3})+)(?:\.0+)?(?:원|krw)?", re.I)
_BUCKET = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/]*/+")
_PLAIN = re.compile(r"https?://[^\s?#@]+")
"""An address in which nothing can be secret."""
_FLOAT = re.compile(r"(\d+)\.0+")
"""An id that a program took for a number with a fraction."""


class Line(NamedTuple):
    """What one line says of one item. Plain values, so that it is quickly stored."""

    id: str
    image_id: str | None
    s3_path: str | None
    thumbnail_url: str | None
    categories: tuple[str, ...]
    """Words for its category; the first that labels.yaml knows counts."""
    sub_category: str
    seasons: tuple[str, ...]
    values: tuple[Any, ...]
    """Of VALUES."""
    signed: str | None = None
    """The other name that `mmdata fetch` has for thumbnail_url, if addresses differ in their signatures alone."""

    @property
    def sold_out(self) -> bool | None:
        return self.values[VALUES.index("sold_out")]


Reader = Callable[[Sequence[str]], Line]


def reader_of(header: Sequence[str], every: tuple[str, ...]) -> Reader | str:
    """How the lines below this header are read, or why it is no catalogue's.

    Args:
        every: the seasons that a line of all seasons has.
    """
    at = {tidy(name): number for number, name in enumerate(header)}
    if len(at) < len(header):
        twice = next(name for name in at if [tidy(other) for other in header].count(name) > 1)
        return f"it has the column {twice!r} twice"
    if at.keys() >= OF_ARTICLES:
        return _styles(at, every)
    if not (at.keys() >= OF_SHOP and at.keys() & ITEM):
        return f"its columns are {', '.join(at)[:200]}; {WANTED}"
    if "main_category" not in at and at.keys() & {"style", "fit"}:
        return "it has style or fit, as clothes have, but no main_category"
    return _shop(at, every)


def is_like_one(header: Sequence[str]) -> bool:
    """Whether a CSV that is no catalogue was surely meant as one: it has two of the columns, in whatever case."""
    names = {*re.findall(r"\w+", " ".join(header).lower())}  # Whatever they are separated by.
    columns = OF_SHOP | OF_ARTICLES | ITEM | {*VALUES, *OF_STYLES.values(), "main_category", "is_soldout"}
    return len(names & {name.lower() for name in columns}) > 1


def path_of(text: str) -> str:
    """A path in a bucket, or its address, as a source has it: without server, query and leading strokes."""
    made = text.replace("\\", "/").partition("?")[0]
    return posixpath.normpath("/" + _BUCKET.sub("", made)).lstrip("/")


def address_of(text: str) -> str:
    """A URL as `mmdata fetch` notes it: without user, password and signature, which are in no row."""
    if _PLAIN.fullmatch(made := text.strip()):
        return made
    try:
        return key_of_url(text)
    except ValueError:
        return made


def _shop(at: dict[str, int], every: tuple[str, ...]) -> Reader:
    """Of a shop's catalogue: clothes have a main_category, shoes none."""
    plain = [at.get(name) for name in VALUES[:4]]
    name, brand = at.get("goods_name"), at.get("brand")
    normal, price, sold, goods = (at.get(name) for name in ("normal_price", "price", "is_soldout", "goods_url"))
    image, s3, thumbnail, main = (at.get(name) for name in ("image_id", "s3_path", "thumbnail_url", "main_category"))

    def read(fields: Sequence[str]) -> Line:
        def of(column: int | None) -> str | None:
            return None if column is None else often(fields[column])

        def alone(column: int | None) -> str | None:
            return None if column is None else said(fields[column])

        image_id, path, url, signed = alone(image), alone(s3), alone(thumbnail), None
        if image_id and (number := _FLOAT.fullmatch(image_id)):
            image_id = number[1]
        if url and thumbnail is not None:
            whole, url = fields[thumbnail].strip(), address_of(fields[thumbnail])
            signed = f"{url}#{_digest(whole)}" if whole != url else None
        if path and "://" in path:
            path = address_of(path)
        values = (
            *map(of, plain),
            alone(name),
            of(brand),
            _won(of(normal), "normal_price"),
            _won(of(price), "price"),
            _truth(of(sold)),
            alone(goods),
            url,
            path,
        )
        return Line(
            image_id or (path and posixpath.splitext(posixpath.basename(path_of(path)))[0]) or _url_id(url),
            image_id,
            path,
            url,
            (SHOES,) if main is None else (_needed(of(main), "main_category"),),
            _needed(of(at["sub_category"]), "sub_category"),
            _seasons(_needed(of(at["season"]), "season"), every),
            values,
            signed,
        )

    return read


def _styles(at: dict[str, int], every: tuple[str, ...]) -> Reader:
    """Of styles.csv, whose columns are named otherwise."""
    plain = [at.get(OF_STYLES.get(name, "")) for name in VALUES]

    def read(fields: Sequence[str]) -> Line:
        def of(column: int | None) -> str | None:
            return None if column is None else said(fields[column])

        id, article = _needed(of(at["id"]), "id"), _needed(of(at["articleType"]), "articleType")
        words = (article, of(at.get("subCategory")), of(at["masterCategory"]))
        seasons = _seasons(_needed(of(at["season"]), "season"), every)
        return Line(id, id, None, None, tuple(w for w in words if w), article, seasons, tuple(map(of, plain)))

    return read


def _needed(value: str | None, name: str) -> str:
    if value is None:
        raise Reject(f"no {name}", field=name, value="", reason=f"{name} is empty. Fill it in, or remove the line")
    return value


def _url_id(url: str | None) -> str:
    if url is None:
        why = f"the line says nothing of its picture. Fill in one of {', '.join(sorted(ITEM))}, or remove it"
        raise Reject("no id", field="image_id", value="", reason=why)
    return _digest(url)


def _digest(url: str) -> str:
    return sha256(url.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@lru_cache(1 << 12)
def _seasons(text: str, every: tuple[str, ...]) -> tuple[str, ...]:
    """ "봄, 여름", "봄/여름", "사계절"; in the order in which they stand, each once."""
    words = [word for part in re.split(r"[,/|·;]", text.strip("[]")) if (word := tidy(part).strip("'\""))]
    found = [one for word in words for one in (every if word.lower() in ALL_YEAR else (word,))]
    if not found:
        raise Reject("no season", field="season", value=text, reason=f"season {text!r} names none. Correct it")
    return tuple(dict.fromkeys(found))


@lru_cache(1 << 14)
def _won(value: str | None, name: str) -> int | None:
    if value is None:
        return None
    if found := _PRICE.fullmatch(value.replace(" ", "")):
        return int(found[1].replace(",", ""))
    why = f"{name} {value!r} is no price. Correct it, or leave it empty"
    raise Reject("invalid value", field=name, value=value, reason=why)


def _truth(value: str | None) -> bool | None:
    if value is None:
        return None
    if value.lower() not in SOLD:
        why = f"is_soldout {value!r} is neither True nor False. Correct it, or leave it empty"
        raise Reject("invalid value", field="sold_out", value=value, reason=why)
    return SOLD[value.lower()]
