"""Step `cards`: the pictograms of a source that are of use, each with its picture; every other is counted by its reason."""

import re
from collections.abc import Collection, Iterator, Sequence
from hashlib import sha256

from mmdata import Finding, Listing
from mmdata.errors import FileProblem
from mmdata.schemas import AacCard, Picture
from mmdata.steps import step

from . import arasaac, boards, drawn, unread
from .drawing import Drawer, Undrawable
from .pictures import Unusable, on_white
from .symbols import Lost, Symbol

LETTER = re.compile(r"[A-Za-z]")
READS = (
    *arasaac.PICTURES, *arasaac.PHOTOS, *unread.OTHERS, *arasaac.RECORDS, *drawn.SVG, *drawn.MULBERRY, *drawn.OPENMOJI, *boards.BOARDS, *boards.PACKAGES,
)  # fmt: skip


@step(AacCard, reads=READS, uses=("pillow", "resvg-py"))
def cards(
    listing: Listing,
    *,
    filter_cards: bool,
    exclude_flags: Sequence[str],
    exclude_categories: Sequence[str],
    symbol_size: int,
    language: str,
) -> Iterator[AacCard | Finding]:
    """All sources, ARASAAC first. Of two cards of one keyword the first is kept."""
    lost: dict[str, list[str]] = {}
    keywords: set[str] = set()
    ids: set[str] = set()
    names: dict[bytes, list[str]] = {}
    unjudged: list[str] = []
    claimed = boards.claimed(listing)
    with Drawer(symbol_size) as drawer:
        for symbol in symbols(listing, language, claimed):
            if isinstance(symbol, Finding):
                yield symbol
                continue
            excluded = exclusion(symbol, exclude_flags, exclude_categories)
            reason = (excluded or unusable(symbol, keywords)) if filter_cards else ""
            reason = reason or ("its id is another card's" if symbol.id in ids else "")
            if not reason:
                try:
                    picture = drawn_or_whitened(symbol.picture(), drawer, symbol_size)
                    ids.add(symbol.id)
                    keywords.add(symbol.keyword.casefold())
                    names.setdefault(sha256(picture).digest(), []).append(symbol.id)
                    if not symbol.judged:
                        unjudged.append(symbol.place)
                    yield card_of(symbol, picture, excluded)
                    continue
                except Lost as why:
                    reason = str(why)
                except (Unusable, Undrawable, FileProblem) as why:
                    reason, symbol.place = "its picture cannot be used", f"{symbol.place}: {why}"
            lost.setdefault(reason, []).append(symbol.place)
    for reason, places in sorted(lost.items(), key=lambda one: (-len(one[1]), one[0])):
        text = f"{reason}: {len(places)} left out, such as {places[0]}"
        yield Finding.warning("cards left out", text, places, len(places))
    if unjudged:
        text = (
            f"{len(unjudged)} pictures have no record, and may be of a flag or category that is to be left out: "
            f"{unjudged[0]}. Add the answer of https://api.arasaac.org/api/pictograms/all/{language} to the source, as "
            f"arasaac_{language}.json"
        )
        yield Finding.warning("cards without a record", text, unjudged, len(unjudged))
    if same := [f"{id} (as {first})" for first, *others in names.values() for id in others]:
        text = f"{len(same)} cards have another card's picture under another name: {same[0]}"
        yield Finding.warning("same picture", text, same, len(same))
    yield from unread.pictures(listing, claimed)


def symbols(listing: Listing, language: str, claimed: Collection[str]) -> Iterator[Symbol | Finding]:
    """All symbols of a source; pictures that are claimed are those of boards."""
    yield from arasaac.symbols(listing, claimed)
    yield from drawn.symbols(listing, language)
    yield from boards.symbols(listing)


def exclusion(symbol: Symbol, exclude_flags: Collection[str], exclude_categories: Sequence[str]) -> str:
    """Why nobody should be shown it; "" where nothing is said against it."""
    if flags := symbol.flags.intersection(exclude_flags):
        return f"flagged {', '.join(sorted(flags))}"
    for excluded in exclude_categories:
        if any(_is_under(one, excluded) for one in (*symbol.categories, *symbol.tags)):
            return f"of the excluded category {excluded}"
    return ""


def unusable(symbol: Symbol, keywords: Collection[str]) -> str:
    """Why its keyword is of no use; "" where it is of use.

    Args:
        keywords: of the cards that are kept so far, casefolded.
    """
    if not symbol.keyword:
        return "without a keyword"
    if LETTER.fullmatch(symbol.keyword):
        return "its keyword is a single Latin letter"
    if symbol.keyword.casefold() in keywords:
        return "its keyword is that of a card before it"
    return ""


def drawn_or_whitened(data: bytes, drawer: Drawer, size: int) -> bytes:
    """The picture of a card: of SVG, a square drawing of it. Raises Unusable, Undrawable."""
    if data[:200].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return on_white(drawer.png(data), size)
    return on_white(data)


def card_of(symbol: Symbol, picture: bytes, excluded: str) -> AacCard:
    """The row of a symbol."""
    ending = "jpg" if picture.startswith(b"\xff\xd8") else "png"  # There are no others: pictures.on_white.
    return AacCard.model_validate(
        {
            "id": symbol.id,
            "image": Picture(path=f"{symbol.id}.{ending}", bytes=picture),
            "keyword": symbol.keyword,
            "keywords": symbol.keywords,
            "categories": symbol.categories,
            "tags": symbol.tags,
            "source": symbol.source,
            "attribution": symbol.attribution,
            "place": symbol.place,
            "excluded": excluded,
        }
    )


def _is_under(category: str, excluded: str) -> bool:
    """Food is above Food Fruit, and not above Foodstuff."""
    return f"{category.casefold()} ".startswith(f"{excluded.casefold()} ")
