"""Connections from the environment, in Airflow's own two notations; secrets stay out of every text."""

import pytest

from skyledger.connections import Connection, from_environment
from skyledger.errors import ConfigError

JSON = (
    '{"conn_type": "mariadb", "host": "db", "port": 3306, "login": "u", "password": "pw-secret", '
    '"schema": "carbosense", "extra": {"unix_socket": null}}'
)


def test_json_and_uri_say_the_same():
    uri = "mariadb://u:pw%2Dsecret@db:3306/carbosense"
    from_json = from_environment("carbosense_db", {"AIRFLOW_CONN_CARBOSENSE_DB": JSON})
    from_uri = from_environment("carbosense_db", {"AIRFLOW_CONN_CARBOSENSE_DB": uri})
    assert from_json.password == from_uri.password == "pw-secret"
    assert (from_json.host, from_json.port, from_json.schema) == (
        from_uri.host,
        from_uri.port,
        from_uri.schema,
    )


def test_extra_may_be_json_in_json():
    text = '{"conn_type": "influxdb", "host": "h", "extra": "{\\"scheme\\": \\"http\\"}"}'
    assert from_environment("x", {"AIRFLOW_CONN_X": text}).extra == {"scheme": "http"}


def test_absent_connection_names_the_variable():
    with pytest.raises(ConfigError, match="set AIRFLOW_CONN_CARBOSENSE_DB"):
        from_environment("carbosense_db", {})


@pytest.mark.parametrize(
    "text", ['{"host": "h", "password": "pw-secret"', "pw-secret", '{"port": "pw-secret"}']
)
def test_malformed_connection_is_refused_without_its_text(text):
    with pytest.raises(ConfigError) as caught:
        from_environment("x", {"AIRFLOW_CONN_X": text})
    assert "pw-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_repr_holds_no_secret():
    shown = repr(Connection("x", "influxdb", "h", password="pw-secret", extra={"token": "tok-secret"}))
    assert "secret" not in shown
