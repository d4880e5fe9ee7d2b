"""Secrets that tests look for where they must not be."""

import json
import secrets


def secret_connection(monkeypatch, conn_id: str, conn_type: str = "mysql", **fields) -> str:
    """Define an Airflow connection with a random password; return the password."""
    password = secrets.token_urlsafe(12)
    connection = {"conn_type": conn_type, "host": "db", "login": "user", "password": password, **fields}
    monkeypatch.setenv(f"AIRFLOW_CONN_{conn_id.upper()}", json.dumps(connection))
    return password
