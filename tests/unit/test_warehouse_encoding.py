"""How a table becomes the text that LOAD DATA reads, and which names are let through."""

import numpy as np
import pyarrow as pa
import pytest

from skyledger.connections import Connection
from skyledger.errors import ConfigError
from skyledger.warehouse import Warehouse, quote
from skyledger.wire import encode_tsv


def test_nan_and_null_are_missing_and_zero_is_not():
    table = pa.table({"a": [1, None, 0], "b": [np.nan, 2.5, 0.0]})
    assert encode_tsv(table) == b"1\t\\N\n\\N\t2.5\n0\t0\n"


def test_text_cannot_break_out_of_its_field():
    table = pa.table({"a": ["tab\there", "line\nbreak", "back\\slash", "\\N", "", None]})
    assert encode_tsv(table) == b"tab\\there\nline\\nbreak\nback\\\\slash\n\\\\N\n\n\\N\n"


def test_doubles_keep_every_digit():
    values = np.random.default_rng(1).normal(0, 1, 1000) * 10.0 ** np.arange(-150, 150, 0.3)
    text = encode_tsv(pa.table({"a": values})).decode().split()
    assert np.array_equal(np.array(text, dtype=float), values)


def test_sliced_and_chunked_tables_are_encoded_right():
    table = pa.concat_tables([pa.table({"a": [1, 2, 3]}).slice(1), pa.table({"a": [4]})])
    assert encode_tsv(table) == b"2\n3\n4\n"


@pytest.mark.parametrize("name", ["a`b", "a b", "", "1a", "a;DROP TABLE x", "a" * 65, "ä"])
def test_only_plain_names_are_quoted(name):
    with pytest.raises(ConfigError, match="not a table or column name"):
        quote(name)
    assert quote("lp8_data") == "`lp8_data`"


def test_connection_without_database_is_refused_by_name():
    with pytest.raises(ConfigError, match="'carbosense_db' names no database"):
        Warehouse(Connection("carbosense_db", "mariadb", "localhost"))
