"""What `datasets` must be told of a corpus's versions: `configs` and `dataset_info`, as pure data.

The pointer of a folder and the front matter of a card say the same, so both are made here.
"""

from collections.abc import Sequence
from typing import Any

from .manifest import Manifest


def configs_of(sample_config: dict[str, Any] | None, manifests: Sequence[Manifest], default: str) -> dict[str, Any]:
    """The sample first (its files always exist), then each version, the newest first.

    Args:
        sample_config: the card's own `sample` config; None: the sample is not there.
        manifests: of the versions, oldest first.
        default: the version that `load_dataset` gives when none is named.

    Returns:
        `{"configs": [...], "dataset_info": [...]}`. Sizes are those of the Parquet files, in bytes.
    """
    configs = [
        {key: value for key, value in sample.items() if key != "default"} for sample in [sample_config] if sample
    ]
    infos = []
    for manifest in reversed(manifests):
        version = manifest.version
        paths: dict[str, list[str]] = {}
        sizes: dict[str, int] = {}
        for file in manifest.files:
            # Each file by its name: under a pattern, a missing one would be rows left out, unsaid.
            paths.setdefault(file.split, []).append(f"data/{version}/{file.path}")
            sizes[file.split] = sizes.get(file.split, 0) + file.bytes
        configs.append(
            {"config_name": version, "version": version}
            | ({"default": True} if version == default else {})
            | {"data_files": [{"split": split, "path": names} for split, names in paths.items()]}
        )
        infos.append(
            {
                "config_name": version,
                "features": manifest.features,
                "splits": [
                    {"name": split, "num_bytes": sizes[split], "num_examples": rows}
                    for split, rows in manifest.splits.items()
                ],
                "download_size": sum(sizes.values()),
                "dataset_size": sum(sizes.values()),
            }
        )
    return {"configs": configs, "dataset_info": infos}
