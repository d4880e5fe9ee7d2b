"""What the InfluxQL reader asks: quoting, anchoring, windows. The answers are tested against a real server."""

import re
from datetime import date

import pytest

from skyledger.connections import Connection
from skyledger.errors import ConfigError
from skyledger.influx import InfluxV1, midnight_s, open_source
from skyledger.influx.common import fingerprint
from skyledger.influx.v1 import _name, _one_of, _tag_pairs, _text, _window


def connection(**extra: object) -> Connection:
    return Connection("source", "influxdb", "influx.example.org", 443, None, None, "main", extra)


def pattern_of(condition: str) -> re.Pattern[str]:
    return re.compile(condition.partition("=~ /")[2].removesuffix("/").replace("\\/", "/"))


def test_units_are_anchored_so_that_445_is_not_1445():
    pattern = pattern_of(_one_of("node", ["445", "42"]))
    assert pattern.search("445")
    assert pattern.search("42")
    assert not pattern.search("1445")
    assert not pattern.search("4450")
    assert not pattern.search("142")


def test_metacharacters_of_a_tag_value_are_taken_literally():
    pattern = pattern_of(_one_of("node", ["a.c|d/e"]))
    assert pattern.search("a.c|d/e")
    assert not pattern.search("abc|d/e")
    assert not pattern.search("a.c")


def test_quotes_cannot_end_a_name_or_a_text():
    assert _name('a"b\\') == '"a\\"b\\\\"'
    assert _text("a'b\\") == "'a\\'b\\\\'"


def test_window_is_the_whole_day_and_excludes_the_next_midnight():
    assert _window(date(2022, 4, 20), date(2022, 4, 20)) == "time >= 1650412800s AND time < 1650499200s"
    assert midnight_s(date(1970, 1, 1)) == 0


def test_series_key_is_split_at_unescaped_commas():
    key = r"measurements,node=445,sensor=a\,b,title=co2\ [ppm],unit=x\=y"
    assert dict(_tag_pairs(key)) == {"node": "445", "sensor": "a,b", "title": "co2 [ppm]", "unit": "x=y"}


def test_fingerprint_sees_a_change_that_counts_and_not_the_noise_of_summation():
    assert fingerprint(1e7) != fingerprint(1e7 + 1e-3)
    assert fingerprint(0.1 + 0.2) == fingerprint(0.3)


@pytest.mark.parametrize("extra", [{"api": "v3"}, {"scheme": "ftp"}])
def test_unknown_kind_of_connection_is_refused(extra):
    with pytest.raises(ConfigError, match=r"expected 'v1' or 'v2'|expected 'http' or 'https'"):
        open_source(connection(**extra))


def test_defaults_are_https_with_verification_and_a_bearer_token():
    source = InfluxV1(connection(token="s3cret-token", path_prefix="/api/datasources/proxy/uid/main/"))
    assert source._url == "https://influx.example.org:443/api/datasources/proxy/uid/main/query"
    assert source._http.connection_pool_kw["cert_reqs"] == "CERT_REQUIRED"
    assert source._headers["Authorization"] == "Bearer s3cret-token"
