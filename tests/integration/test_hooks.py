"""Connections as Airflow keeps them, turned into readers and warehouses that really answer."""

import json

import pytest

from hooks.influx import InfluxHook
from hooks.warehouse import WarehouseHook
from skyledger.connections import from_environment, to_environment
from tests.support.secrets import secret_connection

pytestmark = pytest.mark.integration


@pytest.fixture
def connections(carbosense_db, influx_db, monkeypatch):
    monkeypatch.setenv(*to_environment(carbosense_db))
    monkeypatch.setenv(*to_environment(influx_db))
    return {"carbosense_db": carbosense_db, "carbosense_influx": influx_db}


def test_a_hook_and_the_command_line_read_the_same_connection(connections):
    for hook in (InfluxHook(), WarehouseHook()):
        assert hook.resolve() == from_environment(hook.conn_id) == connections[hook.conn_id]


def test_test_connection_says_what_answered(connections):
    assert InfluxHook().test_connection()[0] is True
    works, answer = WarehouseHook().test_connection()
    assert works, answer
    assert "MariaDB" in answer
    assert connections["carbosense_db"].login in answer


@pytest.mark.parametrize("hook", [InfluxHook, WarehouseHook])
def test_a_wrong_password_is_an_answer_and_is_not_shown(hook, connections, monkeypatch):
    good = connections[hook.default_conn_name]
    password = secret_connection(
        monkeypatch,
        "other",
        conn_type=hook.conn_type,
        host=good.host,
        port=good.port,
        login=good.login,
        schema=good.schema,
        extra=json.dumps(dict(good.extra)),
    )
    works, answer = hook("other").test_connection()
    assert not works
    assert "check" in answer
    assert password not in answer


@pytest.mark.parametrize("hook", [InfluxHook, WarehouseHook])
def test_a_server_that_is_away_is_an_answer(hook, monkeypatch):
    secret_connection(monkeypatch, "other", conn_type=hook.conn_type, host="127.0.0.1", port=1, schema="x")
    works, answer = hook("other").test_connection()
    assert not works
    assert "refused" in answer


def test_the_id_may_be_given_as_airflow_gives_it_and_nothing_else_may():
    assert InfluxHook(influx_conn_id="other").conn_id == "other"
    assert WarehouseHook("third").conn_id == "third"
    with pytest.raises(TypeError, match="has no argument colour"):
        InfluxHook(colour="blue")
