"""`where`: the same rows by polars and by PostgreSQL, whatever is asked of them; all that is no filter is said."""

import inspect
import subprocess
import sys
import threading

import pg
import polars as pl
import psycopg
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Json

from mmdata.errors import MmdataError
from mmdata.searching.conditions import DIGEST, OTHERS, TYPES, identifier
from mmdata.searching.facts import Column
from mmdata.searching.tables import rows_table
from mmdata.searching.where import LENGTH, NESTING, parse

KINDS = {
    "이름": "text", "상표 (영문)": "text", "price": "whole", "view": "whole", "ratio": "real", 'in "stock"': "flag",
    "계절": "texts", "xmin": "text", "x%s": "whole", "아주 " * 20 + "긴 이름": "real", "card": "other",
}  # fmt: skip
COLUMNS = [Column(name=name, kind=kind) for name, kind in KINDS.items()]
COMPARED = ("=", "!=", "<>", "<", "<=", ">", ">=")

# Rows and filters of few letters and numbers, that often meet.
texts = st.text("ab가B%_'\\\" \n{}éÉ$", max_size=4) | st.sampled_from(["여름", "O'Neill", "100%", "it\\'s", "가을;--"])
wholes = st.integers(-3, 3) | st.sampled_from([2**63 - 1, -(2**63), 2**53 + 1])
reals = st.floats(allow_nan=False, allow_infinity=False, width=32) | st.sampled_from([0.1, -0.0, 1.5, 2.0])
VALUES = {
    "text": texts, "whole": wholes, "real": reals, "flag": st.booleans(), "texts": st.lists(texts | st.none(), max_size=3),
    "other": st.just([1, {"a": None}]),
}  # fmt: skip
rows = st.lists(
    st.fixed_dictionaries({name: st.none() | VALUES[kind] for name, kind in KINDS.items()}), min_size=1, max_size=8
)


def quoted(name):
    return name if name.isidentifier() else '"' + name.replace('"', '""') + '"'


def literal(value):
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value).lower() if isinstance(value, bool) else repr(value)


literals = {
    "text": texts.map(literal), "texts": texts.map(literal), "flag": st.sampled_from(["true", "FALSE"]),
    "whole": (wholes | st.sampled_from([1.5, 10**30])).map(literal), "real": (reals | wholes).map(literal),
}  # fmt: skip


@st.composite
def conditions(draw):
    name = draw(st.sampled_from(list(KINDS)))
    kind, column = KINDS[name], quoted(name)
    shapes = ["{} is null", "{} is not null"]
    if kind != "other":
        shapes += [f"{{}} {sign} {{}}" for sign in (COMPARED if kind not in ("flag", "texts") else COMPARED[:3])]
        shapes += ["{1} = {0}", "{} in ({})", "{} in ({}, {})", "{} not in ({}, ({}))"]
    if kind in ("text", "whole", "real"):
        shapes += ["{} between {} and {}", "{} not between {} and {}", "{1} < {0}"]
    if kind in ("text", "texts"):
        shapes += ["{} like {}", "{} not like {}", "{} ilike {}"] * 2
    if kind == "flag":
        shapes += ["{}", "not {}"]
    if kind in ("whole", "real"):
        others = [quoted(other) for other, of in KINDS.items() if of in ("whole", "real")]
        shapes += [f"{{}} {sign} {draw(st.sampled_from(others))}" for sign in COMPARED]
    shape = draw(st.sampled_from(shapes))
    return shape.format(column, *(draw(literals[kind]) if kind in literals else "" for _ in range(2)))


def joined(parts):
    two = st.builds("({} {} {})".format, parts, st.sampled_from(["and", "OR"]), parts)
    return two | st.builds("not {}".format, parts) | st.builds("({} and true or false)".format, parts)


filters = st.recursive(conditions(), joined, max_leaves=5)


@pytest.fixture(scope="module")
def connection():
    with psycopg.connect(pg.server().new(), autocommit=True) as made:
        made.execute(rows_table("rows", COLUMNS))
        yield made


def put(connection, made):
    """The rows in both: as a frame, and in PostgreSQL."""
    names = [name for name, kind in KINDS.items() if kind != "other"]
    frame = pl.DataFrame(
        {"id": [str(n) for n in range(len(made))]}
        | {n: pl.Series([row[n] for row in made], dtype=TYPES[KINDS[n]], strict=False) for n in names}
        | {"card": pl.Series([row["card"] and "[]" for row in made], dtype=pl.String)}
    )
    columns = SQL(", ").join(Identifier(identifier(name)) for name in names)
    into = SQL("INSERT INTO rows (id, picture, {}, {}, {}) VALUES ({})").format(
        columns, Identifier(OTHERS), Identifier(DIGEST), SQL(", ").join([SQL("%s")] * (len(names) + 4))
    )
    connection.execute("DELETE FROM rows")
    others = [None if row["card"] is None else Json({"card": row["card"]}) for row in made]
    lines = [[str(n), "", *(row[name] for name in names), others[n], b""] for n, row in enumerate(made)]
    connection.cursor().executemany(into, lines)
    return frame


def both(connection, frame, where):
    """The ids that pass, by polars and by PostgreSQL."""
    parsed = parse(where, COLUMNS)
    condition, values = parsed.postgres
    found = connection.execute(SQL("SELECT id FROM rows WHERE {} ORDER BY id").format(condition), values)
    return frame.filter(parsed.polars)["id"].to_list(), [id for (id,) in found]


@settings(max_examples=80)
@given(rows, st.lists(filters, min_size=4, max_size=4))
def test_both_backends_select_the_same_rows(connection, made, wheres):
    frame = put(connection, made)
    for where in wheres:
        try:
            by_polars, by_postgres = both(connection, frame, where)
        except MmdataError as error:
            assert "ends in a backslash" in str(error)
        else:
            assert by_polars == by_postgres, where


ROWS = [
    {**dict.fromkeys(KINDS), "이름": "여름\n원피스", "price": 30_000, "계절": ["봄", "여름"], 'in "stock"': True},
    {**dict.fromkeys(KINDS), "이름": "100% 울", "price": 50_000, "계절": [], 'in "stock"': False, "ratio": 0.5},
    {**dict.fromkeys(KINDS), "이름": "Wool_Coat", "상표 (영문)": "É", "계절": ["겨울", None], "card": [1], "price": -1},
    dict.fromkeys(KINDS),
]


@pytest.mark.parametrize(
    ("where", "ids"),
    [
        ("계절 = '여름' and price < 50000", "0"),
        ("계절 != '여름'", "12"),
        ("not (계절 in ('여름', '겨울'))", "1"),
        ("계절 like '%울'", "2"),
        ("이름 like '100\\%%'", "1"),
        ("이름 like '%_원피스'", "0"),
        ("이름 ilike 'wool\\_%'", "2"),
        ("이름 like 'wool%'", ""),
        ("\"상표 (영문)\" ilike 'É' and not \"상표 (영문)\" ilike 'é'", "2"),
        ("이름 > '가'", "0"),
        ("price between -1 and 3e4", "02"),
        ("40000 < price", "1"),
        ("price = - 1", "2"),
        ("price = ratio or ratio = .5", "1"),
        ("price < 50000 or price >= 50000", "012"),
        ('"in ""stock"""', "0"),
        ('not "in ""stock"""', "1"),
        ('"in ""stock""" = false', "1"),
        ("card is null and 이름 is not null", "01"),
        ("price in (30000, 50000.0)", "01"),
        ("not price in (30000)", "12"),
    ],
)
def test_what_a_filter_means(connection, where, ids):
    assert both(connection, put(connection, ROWS), where) == (list(ids), list(ids))


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("", "it is empty"),
        ("가격 < 3", "there is no column '가격'"),
        ('이름 = "건선"', "there is no column '건선'"),
        ("price = 'abc'", "price is a whole number; 'abc' is text"),
        ("이름 = 3", "이름 is text; 3 is a number"),
        ("price", "price is a whole number; a condition is true or false"),
        ("계절 < '봄'", "계절 is a list of texts, and is not less or more"),
        ("card = 1", "card is neither text nor number"),
        ("이름 = null", "Ask: 이름 is null"),
        ("price is 3", "`is` asks for null only"),
        ("price in ()", "`in` wants values in brackets"),
        ("price in (1, null)", "nothing equals null"),
        ("이름 like 'a\\'", "ends in a backslash"),
        ("price < 1e999", "1e999 is too large"),
        ("price = 이름", "price is a whole number, 이름 is text: they do not compare"),
        ("1 = 1", "compares no column"),
        ("true", "it asks of no column"),
        ("1 = 1; drop table rows", "one filter only, without a semicolon"),
        ("price = 1;", "without a semicolon"),
        ("price = 1 -- and more", "the comment 'and more'"),
        ("price = 1 /* more */", "the comment 'more'"),
        ("price in (select 1)", "has no place in a filter"),
        ("exists(select 1)", "has no place in a filter"),
        ("pg_sleep(10) = price", "has no place in a filter"),
        ("lower(이름) = 'a'", "compares no column"),
        ("price + 1 = 2", "compares no column"),
        ("이름 = 'a' || 'b'", "has no place in a filter"),
        ("이름 = 'a' 'b'", "has no place in a filter"),
        ("이름 = 'a' collate \"C\"", "has no place in a filter"),
        ("이름 = E'\\x41'", "it cannot be read"),
        ("price::text = '1'", "compares no column"),
        ("rows.price = 1", "'rows.price' is no column"),
        ("price between symmetric 2 and 1", "has no place in a filter"),
        ("이름 like '%' escape '!'", "has no place in a filter"),
        ("price = 1 union select 2", "it cannot be read near 'union'"),
        ("price = $1", "there is no column '$1'"),
        ("이름 = 'a", "it cannot be read"),
        ("이름 = '\0'", "bytes that are no text"),
        ("이름 = '\udcff'", "bytes that are no text"),
        ("(" * (NESTING + 1) + "price = 1" + ")" * (NESTING + 1), f"nested {NESTING + 1} deep"),
        ("not " * 450 + '"in ""stock"""', "nested 450 deep"),
        ("price = " + "- " * 900 + "1", "nested 900 deep"),
        ("price = 1 or " * 200, "it has 2,600 letters"),
    ],
)
def test_what_is_no_filter_is_said(where, said):
    with pytest.raises(MmdataError, match=r"^where ") as caught:
        parse(where, COLUMNS)
    message = str(caught.value)
    assert said in message
    assert (
        'It may use: 이름, "상표 (영문)", price' in message and "text stands in single quotes: 이름 = '건선'" in message
    )
    assert len(message) < 1000


words = st.sampled_from(
    ["price", "이름", "계절", '"', "'", "(", ")", "and", "or", "not", "in", "like", "is", "null", "=", "<", "-", "1", "'a'", ",",
     "select", "from", ";", "--", "/*", "case when", "::int", "between", "%s", "{}", "$$", "\\", "[", "lower(", "*", "@", "any("]
)  # fmt: skip


@settings(max_examples=300)
@given(st.text(max_size=40) | st.lists(words, max_size=12).map(" ".join))
@example("{{price}}")
@example("{% price %}")
@example("/*+ price */ price = 1")
def test_garbage_is_one_clear_error_or_a_filter(text):
    try:
        parsed = parse(text, COLUMNS)
    except MmdataError as error:
        assert str(error).startswith("where ")
    else:
        condition, values = parsed.postgres
        assert condition.as_string().count("%s") == len(values)
        assert parsed.names <= set(KINDS)


def test_the_deepest_that_is_allowed_is_read_in_a_thread_as_well():
    where = "(" * NESTING + "price = 1" + ")" * NESTING
    found = []
    thread = threading.Thread(target=lambda: found.append(parse(where, COLUMNS).names))
    thread.start()
    thread.join()
    assert found == [{"price"}]
    assert parse(" or ".join(["price=1"] * (LENGTH // 12)), COLUMNS).names == {"price"}


def test_who_has_few_frames_left_is_told_too():
    def deep(frames):
        return deep(frames - 1) if frames else parse("(" * NESTING + "price = 1" + ")" * NESTING, COLUMNS)

    with pytest.raises(MmdataError, match="nested too deeply"):
        deep(sys.getrecursionlimit() - len(inspect.stack(0)) - 200)


def test_a_filter_of_polars_needs_no_psycopg():
    code = (
        "import sys; from mmdata.searching.where import parse; from mmdata.searching.facts import Column\n"
        "parse('price < 3', [Column(name='price', kind='whole')]).polars; print('psycopg' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"
