"""Names, folders, zips and buckets as people bring them. Each fault is said, with its place and what to do; the good rows are kept."""

import json
import os
import re
import subprocess
import sys
import unicodedata
import zipfile

import pytest
from kit import GOOD, GOOD_IDS, encoded, ids, photo, put, refused, said

import mmdata
from mmdata.errors import BuildError, SourceError

# Names and folders


def test_a_message_stays_on_its_line_whatever_the_file_is_called(skin, tmp_path):
    root = tmp_path / "원본"
    for name in ("line\nbreak.png", "line\nbreak.jpg", "line\n\x1b[31mred.png"):
        put(root, f"{GOOD}/{name}", b"")
    with pytest.raises(BuildError) as error:
        mmdata.build(skin, root)
    assert f"The first: {GOOD}/line\\n\\x1b[31mred.png: the file has 0 bytes" in str(error.value)
    put(root, f"{GOOD}/good_0.png", encoded(photo(0)))
    build = mmdata.build(skin, root)
    assert f"already that of {GOOD}/line\\nbreak.jpg; rename" in refused(skin, build)["line\nbreak.png"]["reason"]
    assert ids(skin) == {"train/건선/정면/good_0"}


def test_folders_in_nfd_are_read_as_nfc(skin, tmp_path):
    root = tmp_path / "맥"
    put(root, unicodedata.normalize("NFD", f"{GOOD}/사진.png"), encoded(photo(1)))
    build = mmdata.build(skin, root)
    assert build.manifest.rejected == {}
    assert ids(skin) == {"train/건선/정면/사진"}


@pytest.mark.parametrize(
    "garble", [lambda n: os.fsdecode(n.encode("cp949")), lambda n: n.encode("cp949").decode("cp437")]
)
def test_folders_garbled_from_cp949_are_read_and_reported(skin, tmp_path, garble):
    root = tmp_path / "윈도"
    put(root, f"Training/images/{garble('TS_건선_정면')}/1.png", encoded(photo(1)))
    for name in ("가", "나"):
        put(root, f"notes/{garble(name)}.txt", b"x")
    build = mmdata.build(skin, root)
    assert ids(skin) == {"train/건선/정면/1"}
    folder, names = said(build, "garbled name").splitlines()
    assert folder.endswith(": a CP949 name, read as Training/images/TS_건선_정면")
    assert re.search(r"^notes/[^/]+ \(and 1 more\): a CP949 name, read as notes/[가나]\.txt$", names)


def test_an_unknown_class_is_refused_with_the_known_ones(skin, source):
    put(source, "Training/images/TS_건선종_정면/x.png", encoded(photo("x")))
    build = mmdata.build(skin, source)
    row = refused(skin, build)["x.png"]
    assert (row["kind"], row["value"]) == ("unknown label", "건선종")
    assert "Known: 건선, 아토피, 여드름, 주사, 지루, 정상." in row["reason"]
    assert "Did you mean '건선" in row["reason"] and "Add it there as an alias" in row["reason"]
    assert ids(skin) == GOOD_IDS


def test_an_alias_of_a_class_is_that_class(skin, source):
    put(source, "Training/images/TS_지루성 피부염_front/x.png", encoded(photo("x")))
    build = mmdata.build(skin, source)
    assert build.manifest.counts["label"]["지루"] == {"train": 1}
    assert build.manifest.rejected == {}


def test_a_folder_without_a_view_is_refused_and_an_absent_one_counted(skin, source):
    put(source, "Training/images/TS_건선/x.png", encoded(photo("x")))
    build = mmdata.build(skin, source)
    assert "view '' is not in labels.yaml. Known: 정면, 측면." in refused(skin, build)["x.png"]["reason"]
    assert re.search("0 of 800 in .*TS_건선_측면", said(build, "folder count"))
    assert ids(skin) == GOOD_IDS


def test_stray_files_are_counted_by_folder(skin, source):
    put(source, f"{GOOD}/Thumbs.db", b"x")
    put(source, "readme.txt", b"x")
    build = mmdata.build(skin, source)
    assert f"{GOOD}: 1 files left out: Thumbs.db; only .png" in said(build, "stray files")
    assert "the top folder: 1 files" in said(build, "stray files")


def test_a_symlink_loop_is_reported_and_not_followed(skin, source):
    (source / GOOD / "위로").symlink_to(source, target_is_directory=True)
    (source / GOOD / "self.png").symlink_to("self.png")
    (source / GOOD / "gone.png").symlink_to("nowhere.png")
    build = mmdata.build(skin, source)
    unlistable = said(build, "unlistable")
    assert f"{GOOD}/위로: a link that leads back to a folder above it" in unlistable
    assert f"{GOOD}/self.png: a link that leads to itself" in unlistable
    assert f"{GOOD}/gone.png: No such file" in unlistable
    assert ids(skin) == GOOD_IDS


def test_an_unreadable_file_and_folder_are_named(skin, source):
    put(source, f"{GOOD}/secret.png", encoded(photo("x"))).chmod(0)
    put(source, "Training/images/TS_정상_정면/hidden.png", encoded(photo("h")))
    (source / "Training/images/TS_정상_정면").chmod(0)
    # root may read anything, unless that right is taken away.
    without = "-dac_override,-dac_read_search"
    limited = ["setpriv", "--bounding-set", without, "--inh-caps", without] if os.geteuid() == 0 else []
    command = [*limited, sys.executable, "-m", "mmdata.cli", "build", skin, "--source", source]
    done = subprocess.run(command, capture_output=True, text=True)
    (source / "Training/images/TS_정상_정면").chmod(0o755)
    assert done.returncode == 0, done.stderr
    manifest = json.loads((skin / "data/1.0.0/manifest.json").read_text(encoding="utf-8"))
    assert manifest["rejected"] == {"unreadable file": 1}
    row = json.loads((skin / "data/1.0.0/rejected.jsonl").read_text(encoding="utf-8"))
    assert row["place"] == f"{GOOD}/secret.png" and "cannot be read: Permission denied" in row["reason"]
    messages = [f["message"] for f in manifest["findings"]]
    assert "Training/images/TS_정상_정면/: the folder cannot be listed: Permission denied" in messages
    assert ids(skin) == GOOD_IDS


def test_a_duplicate_id_names_both_files(skin, source):
    put(source, f"{GOOD}/good_0.jpg", encoded(photo("other"), "JPEG"))
    build = mmdata.build(skin, source)
    (row,) = refused(skin, build).values()
    assert row["kind"] == "duplicate id" and row["place"] == f"{GOOD}/good_0.png"
    assert f"is already that of {GOOD}/good_0.jpg; rename or remove one of the two" in row["reason"]
    assert ids(skin) == GOOD_IDS


# Sources


def test_an_empty_source_says_what_is_looked_for(skin, tmp_path):
    (tmp_path / "빈 폴더").mkdir()
    with pytest.raises(BuildError, match=r"빈 폴더: 0 files, none of which .* looks for folders named \{TS,VS\}_"):
        mmdata.build(skin, tmp_path / "빈 폴더")


def test_unopened_zips_are_to_be_unpacked(skin, tmp_path):
    put(tmp_path / "원본", "Training/01.원천데이터/TS_건선_정면.zip", b"PK")
    with pytest.raises(BuildError, match=r"There are 1 \.zip files in it: unpack them first"):
        mmdata.build(skin, tmp_path / "원본")


def test_a_source_that_is_a_file_is_told_what_to_give(skin, source):
    with pytest.raises(SourceError, match=r"good_0\.png' is a file, not a folder of raw files"):
        mmdata.build(skin, source / GOOD / "good_0.png")


def test_a_missing_source_is_named(skin, tmp_path):
    with pytest.raises(SourceError, match=r"없음': no such file or folder"):
        mmdata.build(skin, tmp_path / "없음")


def test_a_source_of_bad_rows_only_makes_no_release(skin, tmp_path):
    put(tmp_path / "원본", f"{GOOD}/zero.png", b"")
    with pytest.raises(
        BuildError, match=r"all 1 rows were rejected(.|\n)*1 × empty file(.|\n)*zero\.png: the file has 0 bytes"
    ):
        mmdata.build(skin, tmp_path / "원본")
    assert not (skin / "data").exists() and not (skin / ".staging").exists()


class Cp949Name(zipfile.ZipInfo):
    """As Windows writes it: the name's bytes are CP949, and no flag says UTF-8."""

    def _encodeFilenameFlags(self):  # noqa: N802
        return self.filename.encode("cp949"), self.flag_bits & ~0x800


@pytest.mark.parametrize("name", [zipfile.ZipInfo, Cp949Name])
def test_a_zip_builds_to_the_shards_of_its_folder(skin, source, tmp_path, name):
    with zipfile.ZipFile(tmp_path / "원본.zip", "w") as out:
        for path in sorted(source.rglob("*.png")):
            out.writestr(name(str(path.relative_to(source))), path.read_bytes())
    assert ("건선".encode("cp949") in (tmp_path / "원본.zip").read_bytes()) == (name is Cp949Name)
    folder, packed = mmdata.build(skin, source), mmdata.new("skin", tmp_path / "zip", like="skin")
    assert mmdata.build(packed, tmp_path / "원본.zip").manifest.files == folder.manifest.files


def test_a_damaged_zip_loses_the_rows_that_it_damaged(skin, source, tmp_path):
    path = tmp_path / "원본.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for number in range(2):
            out.writestr(f"{GOOD}/{number}.bmp.png", encoded(photo(number), "BMP"))
    content = bytearray(path.read_bytes())
    content[200:260] = b"\xff" * 60
    path.write_bytes(content)
    row = refused(skin, mmdata.build(skin, path))["0.bmp.png"]
    assert row["kind"] == "unreadable file"
    assert "cannot be read from the zip: Error -3 while decompressing" in row["reason"]
    assert "copy or download the zip again" in row["reason"]
    assert ids(skin) == {"train/건선/정면/1.bmp"}


def test_a_zip_that_is_cut_short_is_no_folder_but_a_bad_zip(skin, tmp_path):
    with zipfile.ZipFile(tmp_path / "원본.zip", "w") as out:
        out.writestr(f"{GOOD}/0.png", encoded(photo(0)))
    content = (tmp_path / "원본.zip").read_bytes()
    (tmp_path / "원본.zip").write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match=r"원본\.zip' is not a zip that can be opened: .*copy or download it again"):
        mmdata.build(skin, tmp_path / "원본.zip")


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_source_text_does_not_mean_here(skin, text):
    with pytest.raises(BuildError, match="the source is empty text"):
        mmdata.build(skin, text)


def test_a_source_that_holds_the_corpus_is_refused(skin):
    for holder in (skin, skin.parent):
        with pytest.raises(BuildError, match="holds the corpus folder itself"):
            mmdata.build(skin, holder)


def test_a_server_that_is_not_there_is_no_empty_folder(skin):
    with pytest.raises(SourceError, match="cannot be listed"):
        mmdata.build(skin, "http://127.0.0.1:9/pictures")
