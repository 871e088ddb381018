"""The card of a corpus on the Hub: its own words, then what its manifests and its check report say.

It is worked out anew for each version and holds no time of its own: the same versions give the same text,
and the card of a corpus that already has a generated card is that card.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import jinja2
import yaml

from ..checking.report import Report
from ..configs import configs_of
from ..corpus import Corpus
from ..errors import CorpusError
from ..manifest import Annotated, Manifest
from ..names import bytes_text
from .changes import Version, changes_of
from .licence import Licence, licence_of
from .markdown import Markdown, code, link, plain, table, text

BEGIN = "<!-- mmdata: generated from here, anew with each push: write above -->"
END = "<!-- mmdata: to here -->"
MARKS = re.compile(r"^<!-- mmdata: (generated from here|to here)[^\n]*-->[ \t]*$", re.M)
HUB = "https://huggingface.co/datasets"
CLASSES = 30
"""Rows of a class table; of more classes the commonest are shown."""
SIZES = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"),
         (10**8, "10M<n<100M"), (10**9, "100M<n<1B"), (10**10, "1B<n<10B"), (10**11, "10B<n<100B"),
         (10**12, "100B<n<1T"))  # fmt: skip
"""Rows fewer than → the Hub's word for it."""


def card_of(corpus: Corpus, versions: Sequence[Version], report: Report, repo: str | None) -> str:
    """README.md as it goes to the Hub.

    Args:
        corpus: whose README.md has the front matter and the prose.
        versions: all that the repository holds, oldest first; the last is the chosen one.
        report: of the checks on the chosen version. Only its counts are used: its texts may be private.
        repo: "namespace/name"; None: the card of the folder.

    Raises:
        CorpusError: README.md is not as it should be.
    """
    chosen = versions[-1].manifest
    path = corpus.folder / "README.md"
    try:
        prose = own_prose(corpus.prose).strip("\n")
    except ValueError as error:
        raise CorpusError(f"{path}: {error}") from None
    head = yaml.safe_dump(_front_matter(corpus, versions), allow_unicode=True, sort_keys=False)
    return f"---\n{head}---\n\n{prose}\n\n{_generated(corpus, versions, report, repo, chosen)}"


def own_prose(text: str) -> str:
    """A card's text without what was generated into it. Raises ValueError where a marker line is missing."""
    kept, at, inside = [], 0, False
    for mark in MARKS.finditer(text):
        begins = mark[1] != "to here"
        if begins == inside:
            break
        if begins:
            kept.append(text[at : mark.start()])
        at, inside = mark.end(), begins
    else:
        if not inside:
            return "".join([*kept, text[at:]])
    raise ValueError(
        f"the generated part must stand between the lines `{BEGIN}` and `{END}`, and one of them is missing. "
        "Put it back, or take out the generated part and both lines"
    )


def _front_matter(corpus: Corpus, versions: Sequence[Version]) -> dict[str, Any]:
    """The corpus's own keys in their order; what is worked out, in its place or behind."""
    chosen = versions[-1].manifest
    rows = sum(chosen.splits.values())
    size = next((word for limit, word in SIZES if rows < limit), "n>1T")
    own = {key: value for key, value in corpus.card.items() if key not in {"configs", "dataset_info"}}
    manifests = [version.manifest for version in versions]
    # A version without pictures brings no sample: its drawings may be of what is withheld.
    sample = None if chosen.taken_from else corpus.sample_config
    return own | {"size_categories": [size]} | configs_of(sample, manifests, chosen.version)


def _generated(
    corpus: Corpus, versions: Sequence[Version], report: Report, repo: str | None, chosen: Manifest
) -> str:  # fmt: skip
    environment = jinja2.Environment(
        finalize=text,  # All is escaped that is not Markdown by its type.
        undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 - It is Markdown.
    )  # fmt: skip
    environment.filters["code"] = code
    licence = licence_of(corpus)
    languages = corpus.card.get("language")
    made = environment.from_string(Path(__file__).with_name("card.md.j2").read_text(encoding="utf-8")).render(
        begin=Markdown(BEGIN), end=Markdown(END),
        repo=repo and Markdown(repo), folder=Markdown(plain(corpus.name)), name=Markdown(_variable(corpus.name)),
        version=Markdown(chosen.version), older_versions=[Markdown(v.manifest.version) for v in versions[-2::-1]],
        split=Markdown(next(iter(chosen.splits), "train")), without_pictures=chosen.taken_from is not None,
        korean="ko" in (languages if isinstance(languages, list) else [languages]),
        licence=link(licence.name, licence.license_link), licence_words="; ".join(licence.words),
        may_redistribute=_may_redistribute(licence), attribution=licence.attribution,
        origin=chosen.origin, splits=_splits(chosen), class_tables=list(_class_tables(chosen)),
        columns=_columns(chosen), annotations=[(note.column, _facts(note, chosen)) for note in chosen.annotations],
        report=report, faults=_faults(report), not_judged=list(_not_judged(report)),
        findings=_findings(chosen), rejected=_rejected(chosen),
        changes=changes_of(versions)[::-1], bibtex=Markdown(bibtex(corpus, chosen, licence, repo)),
        count=_count, bytes=bytes_text,
    )  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", made).rstrip("\n") + "\n"


def _may_redistribute(licence: Licence) -> str:
    if licence.may_redistribute is None:
        return "The card does not say whether the data may be passed on: take it that it may not."
    rows, pictures = licence.allows("rows"), licence.allows("images")
    if rows and pictures:
        return "Rows and pictures may be passed on under these terms."
    if rows or pictures:
        yes, no = ("rows", "pictures") if rows else ("pictures", "rows")
        return f"The {yes} may be passed on under these terms, the {no} may not."
    return "Neither whole rows nor pictures may be passed on."


def _splits(manifest: Manifest) -> str:
    sizes = {s: sum(f.bytes for f in manifest.files if f.split == s) for s in manifest.splits}
    rows = [[code(split), f"{rows:,}", bytes_text(sizes[split])] for split, rows in manifest.splits.items()]
    return table(["split", "rows", "Parquet"], rows)


def _class_tables(manifest: Manifest) -> Iterator[tuple[str, str, str]]:
    """Each label field, what is counted of it, and its classes in their order; of too many, the commonest."""
    splits = list(manifest.splits)
    many = {feature["name"] for feature in manifest.features if "list" in feature}
    for field, classes in manifest.counts.items():
        totals = {split: sum(counts.get(split, 0) for counts in classes.values()) for split in splits}
        shown = sorted(classes, key=lambda name: -sum(classes[name].values()))[:CLASSES]
        rest = [classes[name] for name in classes if name not in shown]
        lines: list[tuple[str, dict[str, int]]] = [
            (text(name), counts) for name, counts in classes.items() if name in shown
        ]
        if rest:
            lines.append((f"{len(rest):,} more", {s: sum(counts.get(s, 0) for counts in rest) for s in splits}))
        cells = [[name, *(_share(counts.get(s, 0), totals[s]) for s in splits)] for name, counts in lines]
        yield field, "labels" if field in many else "rows", table([field, *splits], cells)


def _share(count: int, total: int) -> str:
    return f"{count:,} ({count / total:.1%})" if total else f"{count:,}"


def _columns(manifest: Manifest) -> str:
    features = datasets.Features._from_yaml_list([dict(feature) for feature in manifest.features])
    answers = {note.column for note in manifest.annotations}
    rows = [
        [code(name), text(f"{_type(feature)}{': answers, see below' if name in answers else ''}")]
        for name, feature in features.items()
    ]
    return table(["column", "holds"], rows, right=2)


def _type(feature: Any) -> str:
    if isinstance(feature, dict):
        return f"{{{', '.join(feature)}}}"
    if isinstance(feature, datasets.List | datasets.LargeList):
        return f"list of {_type(feature.feature)}"
    if isinstance(feature, datasets.ClassLabel):
        return f"one of {feature.num_classes:,} classes"
    return str(feature.dtype) if isinstance(feature, datasets.Value) else type(feature).__name__.lower()


def _facts(note: Annotated, manifest: Manifest) -> str:
    prompt = str(note.prompt.get("id") or note.column)
    parameters = (f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in note.parameters.items())
    asked = dict.fromkeys([note.first[:10], note.last[:10]])
    rows = [
        ("prompt", Markdown(f"{code(prompt)}, sha256 `{note.prompt_sha256[:16]}`")),
        ("model", code(note.model)),
        ("parameters", ", ".join(parameters) or "none"),
        ("asked", f"{' to '.join(asked)} (UTC)"),
        ("answered", f"{note.rows:,} of {_count(sum(manifest.splits.values()), 'row')}"),
        ("written by", ", ".join(f"{who} {count:,}" for who, count in note.made_by.items()) or "nobody"),
        ("cost", f"US$ {note.cost:,.2f}" if note.cost >= 0.1 or not note.cost else f"US$ {note.cost:.4f}"),
    ]
    return table(["", ""], rows, right=2)


def _faults(report: Report) -> str:
    rows = [[c.name, c.level, c.doc, f"{c.found:,}"] for c in report.checks if c.found]
    return table(["check", "level", "looks for", "found"], rows, right=3) if rows else ""


def _not_judged(report: Report) -> Iterator[tuple[str, str]]:
    """What could not be judged → by which checks."""
    notes: dict[str, list[str]] = {}
    for check in report.checks:
        for note in filter(None, check.could_not.split("; ")):
            notes.setdefault(note, []).append(check.name)
    for note, checks in notes.items():
        yield note, ", ".join(checks) if len(checks) <= 4 else f"{len(checks)} checks"


def _findings(manifest: Manifest) -> str:
    """By kind and level. Their messages and places are left out: they name files and people."""
    counts: dict[tuple[str, str], int] = {}
    for finding in manifest.findings:
        key = finding.check, finding.level
        counts[key] = counts.get(key, 0) + finding.count
    rows = [[check, level, f"{count:,}"] for (check, level), count in sorted(counts.items())]
    return table(["noticed", "level", "times"], rows, right=2) if rows else ""


def _rejected(manifest: Manifest) -> str:
    rows = [[kind, f"{count:,}"] for kind, count in sorted(manifest.rejected.items())]
    return table(["because", "rows"], rows) if rows else ""


def bibtex(corpus: Corpus, manifest: Manifest, licence: Licence, repo: str | None) -> str:
    """How a version is cited."""
    said = {
        "title": str(corpus.card.get("pretty_name") or corpus.name),
        "author": licence.attribution,
        "year": manifest.created[:4],
        "version": manifest.version,
        "publisher": "Hugging Face" if repo else None,
        "url": f"{HUB}/{repo}/tree/v{manifest.version}" if repo else None,
    }
    key = re.sub(r"\W+", "_", f"{repo or corpus.name}_{manifest.version}")
    # It stands in a code block and in braces: what would end either is left out. Two braces: a name is not turned round.
    lines = [f"  {name} = {{{{{re.sub(r'[{}`]', '', plain(value))}}}}}," for name, value in said.items() if value]
    return "\n".join([f"@misc{{{key},", *lines, "}"])


def _variable(name: str) -> str:
    made = re.sub(r"\W", "_", name)
    return made if made.isidentifier() and made not in {"rows", "sample"} else "corpus"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"
