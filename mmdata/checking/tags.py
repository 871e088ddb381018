"""The checks of tags: `<label>건선</label>` must be there once, and name the row's class."""

import polars as pl

from ..names import printable
from .check import Check, Hit, Hits, at_texts, located, summed
from .slices import Slice


def tag_missing(some: Slice) -> Hits:
    """Answers in which a tag of the prompt's `wanted: tags:` is absent or written twice, or a label tag is empty."""
    tags = some.prompt.wanted.tags
    if not tags:
        return Hits(could_not=["the prompt has no `wanted: tags:`"])
    if some.prompt.response_schema is not None:
        return Hits(could_not=["an object has the fields of its class, not tags"])
    parts = []
    for tag in tags:
        times = some.texts["text"].str.count_matches(f"<{tag}>", literal=True)
        says = f"<{tag}> stands in it " + times.cast(pl.String) + " times; once is wanted"
        parts.append(at_texts(some, times != 1, says))
        if some.prompt.wanted.tags[tag].field is None:
            continue  # An empty finding is one for the check `empty`.
        hollow = (times == 1) & some.texts["text"].str.contains(rf"<{tag}>\s*</{tag}>")
        parts.append(at_texts(some, hollow, f"<{tag}> is empty"))
    total = summed(parts, some.limit)
    total.judged = len(some.texts)
    return total


def tag_unknown(some: Slice) -> Hits:
    """Answers whose label tag names no class and no alias of labels.yaml."""
    return _tags(
        some,
        "unknown",
        "{tag} says '{said}', which is not in labels.yaml. Known: {known}. Add it there as an alias, or correct the answer",
    )


def tag_alias(some: Slice) -> Hits:
    """Answers whose label tag names the right class by an alias: `mmdata fix` writes the class's name."""
    return _tags(some, "alias", "{tag} says '{said}', an alias of {cls}: `mmdata fix` writes {cls}")


def tag_contradicts(some: Slice) -> Hits:
    """Answers whose label tag names another class than the row has."""
    return _tags(some, "contradicts", "{tag} says '{said}', but the row's {field} is {own}: one of the two is wrong")


def tag_undecided(some: Slice) -> Hits:
    """Answers whose label tag says that the model cannot tell, by the prompt's `none:` word."""
    if not any(rule.field and rule.none for rule in some.prompt.wanted.tags.values()):
        return Hits(could_not=["the prompt has no label tag with a `none:` word"])
    return _tags(some, "none", "{tag} says '{said}': the model cannot tell that it is {own}")


def _tags(some: Slice, verdict: str, message: str) -> Hits:
    """A fault for each label tag with this verdict."""
    rules = [(tag, rule.field, rule.none) for tag, rule in some.prompt.wanted.tags.items() if rule.field]
    if not rules:
        return Hits(could_not=["the prompt has no label tag, as `wanted: tags: {label: {field: label}}`"])
    parts = []
    for tag, field, none in rules:
        known = ", ".join(some.labels[field].names)
        said, own = some.said(tag).fill_null(""), some.own(field).fill_null("no class")
        cls = said.replace_strict(classes_said(some, tag), default="", return_dtype=pl.String)
        undecided = said == (none or "\0")
        mask = {
            "none": undecided,
            "unknown": (said != "") & (cls == "") & ~undecided,
            "alias": (cls != "") & (cls == own) & (said != cls) & ~undecided,
            # A row without a class is contradicted by none.
            "contradicts": (cls != "") & (cls != own) & ~undecided & some.own(field).is_not_null(),
        }[verdict]
        wrong = pl.DataFrame({"said": said, "own": own, "cls": cls}).filter(mask)
        # An object says it in a field of the tag's name.
        shown = f"<{tag}>" if some.prompt.response_schema is None else f"field {tag}"
        says = [
            message.format(tag=shown, field=field, known=known, said=printable(word), own=is_, cls=named)
            for word, is_, named in wrong.head(some.limit).iter_rows()
        ]
        if some.prompt.response_schema is None:
            parts.append(located(some, f"(?s)<{tag}>.*?</{tag}>", says, mask))
        else:
            numbers = some.texts.filter(mask)["number"]
            first = [Hit(number, say) for number, say in zip(numbers, says, strict=False)]
            parts.append(Hits(len(mask), len(numbers), first))
    total = summed(parts, some.limit)
    total.judged = len(some.texts)
    return total


def classes_said(some: Slice, tag: str) -> dict[str, str]:
    """What stands in the tag → the class that it names, by name or alias, for all that name one."""
    field = some.prompt.wanted.tags[tag].field
    assert field
    # A million answers say a few different things: each is looked up once.
    return {word: cls for word in some.said(tag).drop_nulls().unique() if (cls := some.labels[field].named(word))}


TAG_CHECKS = (
    Check("error", tag_missing),
    Check("error", tag_unknown),
    Check("warning", tag_alias),
    Check("error", tag_contradicts),
    Check("warning", tag_undecided),
)
