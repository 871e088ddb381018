"""A version as Croissant, the JSON-LD by which catalogues and other tools find and read a dataset.

Each split is a record set, its fields read from the split's Parquet files. Paths are relative, so that a
snapshot of the repository can be read where it lies, private or not.
"""

import json
import re
from typing import TYPE_CHECKING, Any

import datasets

from ..corpus import Corpus
from ..manifest import Manifest
from .card import HUB, bibtex, own_prose
from .licence import Licence, licence_of

if TYPE_CHECKING:
    import mlcroissant

CLASSES = 100
"""Class names that a field's description lists."""
FORMAT = "http://mlcommons.org/croissant/1.1"
PARQUET = "application/x-parquet"


def croissant_of(corpus: Corpus, manifest: Manifest, repo: str | None) -> str:
    """croissant.json of one version; the same for the same version, byte for byte.

    Args:
        corpus: whose card says name, licence and language.
        manifest: of the version; its paths are taken from the repository's root.
        repo: "namespace/name", or None.

    Raises:
        CorpusError: README.md is not as it should be.
    """
    import mlcroissant as mlc  # Here: it takes over a second.

    ctx = mlc.Context(conforms_to=FORMAT)
    card, licence = corpus.card, licence_of(corpus)
    features = datasets.Features._from_yaml_list([dict(feature) for feature in manifest.features])
    key = corpus.schema.id_field()
    answers = {note.column: note for note in manifest.annotations}
    distribution: list[Any] = []
    record_sets = []
    for split, rows in manifest.splits.items():
        files = {f"data/{manifest.version}/{f.path}": f for f in manifest.files if f.split == split}
        distribution += [
            mlc.FileObject(
                ctx=ctx, id=path, name=file.path, content_url=path, content_size=f"{file.bytes} B",
                encoding_formats=[PARQUET], sha256=file.sha256,
            )
            for path, file in files.items()
        ]  # fmt: skip
        of = f"{split}-files"
        distribution.append(mlc.FileSet(ctx=ctx, id=of, name=of, includes=list(files), encoding_formats=[PARQUET]))
        fields = [_field(mlc, ctx, of, f"{split}/{name}", name, (), feature) for name, feature in features.items()]
        for field, name in zip(fields, features, strict=True):
            if name in answers:
                field.description = f"Answers of {answers[name].model} to the prompt {name}"
        record_sets.append(
            mlc.RecordSet(
                ctx=ctx, id=split, name=split, description=f"{rows} rows", fields=fields,
                key=f"{split}/{key}" if key in features else None,
            )
        )  # fmt: skip
    language = card.get("language")
    made = mlc.Metadata(
        ctx=ctx,
        name=str(card.get("pretty_name") or corpus.name),
        description=_description(corpus),
        version=manifest.version,
        license=_licences(licence),
        in_language=[language] if isinstance(language, str) else language,
        date_published=manifest.created[:10],
        cite_as=bibtex(corpus, manifest, licence, repo),
        creators=[mlc.Organization(ctx=ctx, name=licence.attribution)] if licence.attribution else [],
        publisher=[mlc.Organization(ctx=ctx, name=repo.split("/")[0])] if repo else [],
        url=f"{HUB}/{repo}" if repo else None,
        distribution=distribution,
        record_sets=record_sets,
    )
    return json.dumps(made.to_json(), ensure_ascii=False, indent=1) + "\n"


def _field(
    mlc: Any, ctx: Any, of: str, at: str, column: str, path: tuple[str, ...], feature: Any
) -> "mlcroissant.Field":
    """One column, or one part of it: `path` leads to it through the objects of a cell.

    Args:
        of: the file set that it is read from.
        at: its id, unique in the document.
    """
    name = at.rsplit("/", 1)[-1]
    shape = []
    while isinstance(feature, datasets.List | datasets.LargeList):
        shape.append("-1")
        feature = feature.feature
    array: dict[str, Any] = {"is_array": True, "array_shape": ",".join(shape)} if shape else {}
    if isinstance(feature, dict):
        parts = [_field(mlc, ctx, of, f"{at}/{part}", column, (*path, part), kind) for part, kind in feature.items()]
        return mlc.Field(ctx=ctx, id=at, name=name, sub_fields=parts, **array)
    if isinstance(feature, datasets.Image):
        path = (*path, "bytes")
        array = {"repeated": True} if shape else {}  # As an array, mlcroissant takes the list for one picture.
    transforms = [mlc.Transform(ctx=ctx, json_path=".".join(map(_quoted, path)))] if path else []
    source = mlc.Source(ctx=ctx, file_set=of, extract=mlc.Extract(ctx=ctx, column=column), transforms=transforms)
    description = _classes(feature) if isinstance(feature, datasets.ClassLabel) else None
    kind = _data_type(mlc.DataType, feature)
    return mlc.Field(ctx=ctx, id=at, name=name, data_types=kind, source=source, description=description, **array)


def _data_type(kinds: Any, feature: Any) -> Any:
    if isinstance(feature, datasets.Image):
        return kinds.IMAGE_OBJECT
    if isinstance(feature, datasets.ClassLabel):
        return kinds.INTEGER
    dtype = str(getattr(feature, "dtype", ""))
    for start, kind in (
        ("bool", kinds.BOOL), ("int", kinds.INTEGER), ("uint", kinds.INTEGER), ("float", kinds.FLOAT),
        ("double", kinds.FLOAT), ("date", kinds.DATE), ("timestamp", kinds.DATETIME),
    ):  # fmt: skip
        if dtype.startswith(start):
            return kind
    return kinds.TEXT


def _classes(feature: datasets.ClassLabel) -> str:
    names = [f"{n} {name}" for n, name in enumerate(feature.names[:CLASSES])]
    more = feature.num_classes - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else f"'{name}'"


def _description(corpus: Corpus) -> str:
    """The first paragraph of the card's prose, else its name."""
    prose = own_prose(corpus.prose)
    paragraphs = (" ".join(part.split()) for part in prose.split("\n\n"))
    return next((part for part in paragraphs if part and part[0] not in "#`|-<!"), corpus.name)


def _licences(licence: Licence) -> list[str]:
    """As addresses where there are any."""
    if licence.license_link and licence.license_link.startswith("http"):
        return [licence.license_link]
    known = re.compile(r"cc-[a-z-]+-\d\.\d|cc0-1\.0|mit")
    return [f"https://spdx.org/licenses/{one.upper()}" if known.fullmatch(one) else one for one in licence.license]
