"""What Airflow is told about Skyledger: the connection types and the fields of their forms.

Airflow builds connection forms from this alone (entry point `apache_airflow_provider` in
pyproject.toml); it imports the hook only when a connection is tested or used. The hooks live in
`plugins/`, which Airflow puts on its import path, so their classes are named from there.
Fields in `conn-fields` are kept in the connection's extra; those with format `password` are masked.
"""

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider description that Airflow reads. `package-name` must be the distribution's name."""
    return {
        "package-name": "skyledger",
        "name": "Skyledger",
        "description": "Observing networks: their remote systems and their databases",
        "connection-types": [_MARIADB, _INFLUXDB, _GEOSTREAMS, _IAGOS],
    }


def _text(label: str, description: str, **schema: object) -> dict[str, Any]:
    return {"label": label, "description": description, "schema": {"type": ["string", "null"], **schema}}


_SCHEME = {
    "label": "Scheme",
    "description": "http only on the same machine or in a closed network",
    "schema": {"type": "string", "enum": ["https", "http"], "default": "https"},
}
_EXCHANGE = {
    "verify_tls": {
        "label": "Verify TLS",
        "description": "Check the server's certificate",
        "schema": {"type": "boolean", "default": True},
    },
    "ca_file": _text("CA file", "Certificate authorities that signed the server's certificate"),
    "timeout_s": {
        "label": "Timeout [s]",
        "description": "Longest silence of the server before the connection counts as broken",
        "schema": {"type": "number", "minimum": 1, "default": 60},
    },
}

_MARIADB = {
    "connection-type": "mariadb",
    "hook-class-name": "hooks.warehouse.WarehouseHook",
    "hook-name": "MariaDB warehouse",
    "ui-field-behaviour": {
        "hidden-fields": ["extra"],
        "relabeling": {"schema": "Database"},
        "placeholders": {"host": "db.example.org", "port": "3306", "schema": "CarboSense"},
    },
    "conn-fields": {
        "unix_socket": _text("Unix socket", "Path of the server's socket, instead of host and port"),
        "ssl_ca": _text(
            "CA file", "Certificate authorities that signed the server's certificate (turns TLS on)"
        ),
    },
}

_INFLUXDB = {
    "connection-type": "influxdb",
    "hook-class-name": "hooks.influx.InfluxHook",
    "hook-name": "InfluxDB telegrams",
    "ui-field-behaviour": {
        "hidden-fields": ["extra"],
        "relabeling": {"schema": "Database (v1)"},
        "placeholders": {"host": "influx.example.org", "port": "443", "schema": "main"},
    },
    "conn-fields": {
        "api": {
            "label": "API",
            "description": "v1: InfluxQL, InfluxDB 1.x and Grafana's proxy to it; v2: Flux, InfluxDB 2.x",
            "schema": {"type": "string", "enum": ["v1", "v2"], "default": "v1"},
        },
        "scheme": _SCHEME,
        "path_prefix": _text(
            "Path prefix", "What stands before /query, such as /api/datasources/proxy/uid/main"
        ),
        "token": _text("Token", "API key; leave empty to use login and password", format="password"),
        "token_scheme": {
            "label": "Token scheme",
            "description": "Word before the token in the Authorization header (v1)",
            "schema": {"type": "string", "default": "Bearer"},
        },
        "org": _text("Organisation (v2)", "Name or id of the organisation"),
        "bucket": _text("Bucket (v2)", "Name of the bucket"),
        **_EXCHANGE,
    },
}

_GEOSTREAMS = {
    "connection-type": "geostreams",
    "hook-class-name": "hooks.geostreams.GeostreamsHook",
    "hook-name": "GeoStreams",
    "ui-field-behaviour": {
        "hidden-fields": ["login", "schema", "extra"],
        "relabeling": {"password": "API key"},
        "placeholders": {"host": "clowder.example.org", "port": "443"},
    },
    "conn-fields": {
        "scheme": _SCHEME,
        "path_prefix": _text("Path prefix", "What stands before /api/geostreams, such as /clowder"),
        "key_in": {
            "label": "API key in",
            "description": "query only for servers that do not know the header X-API-Key: addresses end up in logs",
            "schema": {"type": "string", "enum": ["header", "query"], "default": "header"},
        },
        **_EXCHANGE,
    },
}

_IAGOS = {
    "connection-type": "iagos",
    "hook-class-name": "hooks.iagos.IagosHook",
    "hook-name": "IAGOS data centre",
    "ui-field-behaviour": {
        "hidden-fields": ["schema", "extra"],
        "relabeling": {"login": "Credential", "password": "Passphrase"},
        "placeholders": {"host": "data.example.org", "port": "443", "login": "fzj-p1"},
    },
    "conn-fields": {
        "scheme": _SCHEME,
        "path_prefix": _text("Path prefix", "What stands before /api/v1"),
        "token": {
            "label": "Token",
            "description": "hmac signs every request; sha256 only for servers that know nothing better",
            "schema": {"type": "string", "enum": ["hmac", "sha256"], "default": "hmac"},
        },
        **_EXCHANGE,
    },
}
