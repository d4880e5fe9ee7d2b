"""A DAG whose load fails in as many ways as a wrong password can, by the connections it is given."""

from airflow.sdk import dag

from flows.defaults import task_defaults
from operators.influx_to_mysql import InfluxToMySQLOperator

DAYS = {"first_day": "2022-04-20", "last_day": "2022-04-22"}


@dag(schedule=None, default_args=task_defaults(retries=0))
def secret_probe():
    for name, connections in {
        "wrong_influx_password": {"influx_conn_id": "wrong_influx_password"},
        "wrong_influx_token": {"influx_conn_id": "wrong_influx_token"},
        "influx_away": {"influx_conn_id": "influx_away"},
        "wrong_db_password": {"db_conn_id": "wrong_db_password"},
        "db_away": {"db_conn_id": "db_away"},
    }.items():
        InfluxToMySQLOperator(task_id=name, mapping="LP8", mode="all", **DAYS, **connections)


secret_probe()
