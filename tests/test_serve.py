"""What the service answers to who asks well, badly, too much, and without a key."""

import io
import json
import zlib
from hashlib import sha256

import pytest
from kit import encoded, photo
from PIL import Image
from serving import Advising, app_of, clients, indexed_fashion
from starlette.testclient import TestClient


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return indexed_fashion(tmp_path_factory.mktemp("가게"))


@pytest.fixture(scope="module")
def client(folder):
    with TestClient(app_of(folder, advisor=Advising())) as opened:
        yield opened


@pytest.fixture
def asking(folder):
    with clients(folder) as made:
        yield made


HOODIE = "tiny/의류/1002.png"


def upload(content, name="사진.png"):
    return {"image": (name, content)}


def search(client, content=None, **fields):
    return client.post("/search", data=fields, files=upload(content) if content is not None else None)


def logged(capsys):
    return [json.loads(line) for line in capsys.readouterr().err.splitlines() if line.startswith("{")]


# Asked well


def test_a_picture_finds_itself_first(client, folder):
    content = (folder / HOODIE).read_bytes()
    found = search(client, content, k="3").json()
    assert found["hits"][0]["id"] == "1002"
    assert found["hits"][0]["score"] == 1
    assert found["hits"][0]["picture"] == sha256(content).hexdigest()
    assert len(found["hits"]) == 3
    assert found["facts"]["corpus"] == "fashion"


def test_a_filter_leaves_out_what_does_not_pass(client, folder):
    hits = search(client, (folder / HOODIE).read_bytes(), where="seasons = '여름' and price < 50000", k="100").json()[
        "hits"
    ]
    assert hits
    assert all("여름" in hit["row"]["seasons"] and hit["row"]["price"] < 50_000 for hit in hits)


def test_words_and_pictures_that_are_known_are_searched_by_too(client):
    by_words = search(client, text="파란 여름 원피스").json()["hits"]
    assert len(by_words) == 10
    again = search(client, picture=by_words[3]["picture"], k="1").json()["hits"]
    assert again[0]["id"] == by_words[3]["id"]
    assert again[0]["score"] == 1


def test_a_picture_that_lies_on_its_side_is_turned_upright(client, folder):
    upright = Image.open(folder / HOODIE).convert("RGB").resize((300, 400))
    exif = Image.Exif()
    exif[0x0112] = 6  # Turn it by 90° to see it upright.
    vectors = [
        client.post("/embed", files=upload(content)).json()["vector"]
        for content in (encoded(upright), encoded(upright.rotate(90, expand=True), exif=exif))
    ]
    assert vectors[0] == pytest.approx(vectors[1])


def test_the_vector_is_the_models_own(client):
    answer = client.post("/embed", data={"text": "청바지"}).json()
    assert (answer["model"], answer["revision"]) == ("builtin", client.get("/facts").json()["index"]["revision"])
    assert len(answer["vector"]) == answer["dimensions"]
    assert sum(x * x for x in answer["vector"]) == pytest.approx(1)


def test_thumbnails_are_small_jpegs(client):
    picture = search(client, text="a").json()["hits"][0]["picture"]
    answer = client.get(f"/pictures/{picture}")
    image = Image.open(io.BytesIO(answer.content))
    assert (image.format, max(image.size) <= 320) == ("JPEG", True)
    assert "immutable" in answer.headers["cache-control"]


def test_the_page_loads_nothing_from_elsewhere(client):
    page = client.get("/")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    parts = [client.get(path) for path in ("/page.css", "/page.js", "/wish.js")]
    assert all(part.status_code == 200 for part in parts)
    assert not any("//" + "cdn" in part.text or "https://" in part.text for part in (page, *parts))


def test_examples_of_filters_are_of_the_indexs_own_values(client):
    form = client.get("/openapi.json").json()["components"]["schemas"]["SearchForm"]["properties"]["where"]
    assert len(form["examples"]) > 2
    for where in form["examples"]:
        assert search(client, text="a", where=where).json()["hits"], where


# Asked badly


@pytest.mark.parametrize(
    ("fields", "status", "said"),
    [
        ({}, 422, "give exactly one of image, text, picture; there is none"),
        ({"text": "코트", "picture": "0" * 64}, 422, "there is both text and picture"),
        ({"text": "코트", "k": "0"}, 422, "k: Input should be greater"),
        ({"text": "코트", "k": "101"}, 422, "k: Input should be less"),
        ({"text": "코트", "wehre": "a"}, 422, "wehre: Extra inputs"),
        ({"text": "코트", "where": "prize < 3"}, 422, "there is no column 'prize'"),
        ({"text": "코트", "where": "price < 3; drop table x"}, 422, "where"),
        ({"text": "코트", "where": "x" * 2001}, 422, "where: String should have at most 2000"),
        ({"text": "   "}, 422, "text: "),
        ({"text": "\0"}, 422, "text: "),
        ({"picture": "../../etc/passwd"}, 422, "picture: "),
        ({"picture": "0" * 64}, 404, "fashion has no picture 000"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(client, fields, status, said):
    answer = search(client, **fields)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_a_model_without_words_says_so(asking):
    answer = search(asking(speaking=False), text="파란 코트")
    assert answer.status_code == 422
    assert "knows no words" in answer.json()["detail"]


def bomb(side):
    """A PNG that claims to be so large, and is: a few kilobytes of one colour."""

    def chunk(kind, data):
        return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")

    header = side.to_bytes(4, "big") * 2 + b"\x08\x00\x00\x00\x00"
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


GOOD = encoded(photo(1, (200, 200)), "JPEG")


@pytest.mark.parametrize(
    ("content", "status", "said"),
    [
        (b"", 415, "no JPEG, PNG or WebP"),
        (b"<svg onload='x'/>", 415, "no JPEG, PNG or WebP"),
        (encoded(photo(1), "GIF"), 415, "no JPEG, PNG or WebP"),
        (GOOD[: len(GOOD) // 2], 422, "cannot be decoded"),
        (bomb(20_000), 422, "more than 50,000,000 pixels"),
        (bomb(11_000), 422, "more than 50,000,000 pixels"),
        (bomb(8_000), 422, "8000 × 8000 are more than 50,000,000 pixels"),
        (bomb(600), 422, "cannot be decoded"),
    ],
)
def test_what_is_no_picture_is_refused(client, content, status, said):
    answer = search(client, content)
    assert (answer.status_code, said in answer.json()["detail"]) == (status, True), answer.text


def test_too_large_an_upload_is_refused_whether_it_says_how_large_it_is_or_not(asking):
    client = asking(max_mb=0.5)
    answer = search(client, bytes(600_000))
    assert (answer.status_code, answer.json()["detail"]) == (
        413,
        "the body is larger than 0.5 MB. Send a smaller picture",
    )

    def pieces():
        yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
        for _ in range(100):
            yield bytes(10_000)
        yield b"\r\n--x--\r\n"

    answer = client.post("/search", content=pieces(), headers={"content-type": "multipart/form-data; boundary=x"})
    assert answer.status_code == 413
    assert search(client, encoded(photo(3))).status_code == 200


def test_a_body_that_is_no_form_is_refused(client):
    answer = client.post(
        "/search", content=b"--x\r\nnothing", headers={"content-type": "multipart/form-data; boundary=x"}
    )
    assert answer.status_code in (400, 422)
    assert isinstance(answer.json()["detail"], str)


# Who may ask, and what is told of it


def test_without_the_key_only_what_is_everyones_is_told(asking):
    client = asking(key="secret-7")
    for path in ("/health", "/ready", "/", "/page.js"):
        assert client.get(path).status_code == 200, path
    for headers in (
        {},
        {"Authorization": "Bearer secret-8"},
        {"Authorization": "secret-7"},
        {"Authorization": "Bearer "},
    ):
        for path in ("/facts", "/openapi.json", f"/pictures/{'0' * 64}", "/nowhere"):
            answer = client.get(path, headers=headers)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer"), path
        assert client.post("/search", data={"text": "a"}, headers=headers).status_code == 401
    key = {"Authorization": "Bearer secret-7"}
    assert client.post("/search", data={"text": "a"}, headers=key).status_code == 200
    assert client.get("/openapi.json", headers=key).json()["paths"]["/search"]["post"]["security"] == [
        {"HTTPBearer": []}
    ]


def test_the_log_has_a_line_a_request_and_nothing_of_what_was_asked(asking, folder, capsys):
    client = asking(key="secret-7")
    key = {"Authorization": "Bearer secret-7"}
    content = (folder / HOODIE).read_bytes()
    client.post("/search", data={"text": "몰래 찾기"}, headers={**key, "X-Request-ID": "mine-1"})
    client.post(
        "/search?q=몰래", data={"where": "brand = '몰래'"}, files=upload(content, "../../etc/passwd"), headers=key
    )
    client.post("/search", data={"text": "a"}, headers={"Authorization": "Bearer 몰래".encode()})
    lines = logged(capsys)
    assert [line["status"] for line in lines] == [200, 200, 401]
    assert [line.keys() for line in lines] == [{"time", "id", "method", "path", "status", "ms"}] * 3
    assert lines[0]["id"] == "mine-1"
    told = json.dumps(lines, ensure_ascii=False)
    assert not any(word in told for word in ("몰래", "passwd", "secret-7"))


def test_an_id_that_would_write_lines_of_its_own_is_replaced(client, capsys):
    answer = client.get("/health", headers={"X-Request-ID": '1"} {"status": 200'})
    (line,) = logged(capsys)
    assert line["id"] == answer.headers["x-request-id"] != '1"} {"status": 200'
