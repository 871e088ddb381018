"""fashion with real clothes: fetched, built, seen and exported."""

import io
import json

import pyarrow.parquet as pq
import pytest
from fashion_files import CATEGORIES, FOLDER, SEASONS, SHOES, table
from PIL import Image

import mmdata

REAL = FOLDER.parents[2] / "shared/data/fashion/clothing_cc0"

PLACES = {
    "t-shirt": ("상의", "Tshirts"), "longsleeve": ("상의", "긴팔티"), "shirt": ("상의", "Shirts"), "outwear": ("아우터", "Outwear"),
    "pants": ("하의", "Pants"), "shorts": ("하의", "Shorts"), "skirt": ("하의", "Skirt"), "hat": ("모자", "캡"),
}  # fmt: skip


@pytest.mark.skipif(not REAL.is_dir(), reason="the real clothes lie beside the checkout")
def test_real_clothes_are_fetched_built_and_exported(site, quick, tmp_path):
    shop, clothes, shoes = tmp_path / "가게", [], []
    for number, path in enumerate(sorted(REAL.glob("*/*.jpg"))[::4]):
        of, season = path.parent.name, ", ".join(SEASONS[number % 3 : number % 3 + 2])
        site.files[url := f"/{of}/{path.name}"] = path.read_bytes()
        said = {"season": season, "thumbnail_url": site.url + url, "image_id": f"g{number}", "goods_name": path.stem}
        if of == "shoes":
            shoes.append(said | {"sub_category": "스니커즈"})
        elif of in PLACES:
            clothes.append(said | dict(zip(["main_category", "sub_category"], PLACES[of], strict=True)))
    shop.mkdir()
    (shop / "의류.csv").write_bytes(table(*clothes, encoding="cp949"))
    (shop / "신발.csv").write_bytes(table(*shoes, header=SHOES))
    (shop / "필터.json").write_bytes((FOLDER / "tiny/필터.json").read_bytes())
    folder = mmdata.new("fashion", tmp_path / "내 말뭉치", like="fashion")
    for name in ("의류.csv", "신발.csv"):
        assert mmdata.fetch(folder, urls=f"{shop / name}:thumbnail_url", into=shop).failures == []
    done = mmdata.build(folder, shop)
    hats = sum(row["main_category"] == "모자" for row in clothes)
    assert done.manifest.rejected == {"no place": hats} and sum(done.manifest.splits.values()) >= 2 * 12
    assert [f.message for f in done.findings if f.level == "error"] == []
    for one in mmdata.view(folder, "search", split="train"):
        sent = Image.open(io.BytesIO(site.files[one["source_url"].removeprefix(site.url)]))
        assert sent.convert("RGB").tobytes() == one["image"].tobytes()
    files = mmdata.export(folder, "instruction", into=tmp_path / "json", pictures=True)
    assert files.files == ["images/", *(f"instruction_{split}.json" for split in ("test", "train", "validation"))]
    mmdata.export(folder, "parquet", into=tmp_path / "parquet")
    for split, rows in done.manifest.splits.items():
        found = json.loads((tmp_path / f"json/instruction_{split}.json").read_text(encoding="utf-8"))
        table_ = pq.read_table(tmp_path / f"parquet/instruction_{split}.parquet").to_pylist()
        assert len(found) == len(table_) == rows
        for one, same in zip(found, table_, strict=True):
            assert (tmp_path / "json" / one["input"]["image"]).is_file()
            assert list(one["output"]["recommend"]) == CATEGORIES
            one["input"].pop("image"), same["input"].pop("image")
            assert one == same
