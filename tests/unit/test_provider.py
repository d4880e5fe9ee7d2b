import inspect
import re
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import pytest
from airflow.providers_manager import ProvidersManager

from skyledger import geostreams, influx, warehouse, web
from skyledger.iagos.transfer import client
from skyledger.provider import get_provider_info

TYPES = {t["connection-type"]: t for t in get_provider_info()["connection-types"]}


def test_the_entry_point_names_this_provider_after_its_distribution() -> None:
    # Airflow drops a provider whose package-name differs from the distribution it came with
    found = [
        p for p in entry_points(group="apache_airflow_provider") if p.dist and p.dist.name == "skyledger"
    ]
    assert [p.load() for p in found] == [get_provider_info]
    assert get_provider_info()["package-name"] == "skyledger"


@pytest.mark.parametrize("info", TYPES.values(), ids=TYPES)
def test_each_connection_type_is_that_of_its_hook(info: dict[str, Any]) -> None:
    module, _, name = info["hook-class-name"].rpartition(".")
    hook = getattr(import_module(module), name)
    assert hook.conn_type == info["connection-type"]
    assert hook.hook_name == info["hook-name"]


@pytest.mark.parametrize(
    ("kind", "modules"),
    [
        ("mariadb", [warehouse]),
        ("influxdb", [web, influx, influx.common, influx.v1, influx.v2]),
        ("geostreams", [web, geostreams]),
        ("iagos", [web, client]),
    ],
)
def test_the_form_has_a_field_for_every_option_that_is_read(kind: str, modules: list[Any]) -> None:
    source = "".join(map(inspect.getsource, modules))
    read = set(re.findall(r"""extra(?:\.get\(|\[)["'](\w+)""", source))
    assert read
    assert set(TYPES[kind]["conn-fields"]) == read


def test_airflow_offers_the_types_and_hides_what_is_secret() -> None:
    manager = ProvidersManager()
    fields = {
        name: field
        for name, field in manager.connection_form_widgets.items()
        if name.startswith(tuple(f"extra__{kind}__" for kind in TYPES))
    }
    assert set(fields) == {
        f"extra__{kind}__{name}" for kind, info in TYPES.items() for name in info["conn-fields"]
    }
    assert {field.package_name for field in fields.values()} == {"skyledger"}
    assert [name for name, field in fields.items() if field.is_sensitive] == ["extra__influxdb__token"]
    assert manager.field_behaviours["mariadb"]["relabeling"] == {"schema": "Database"}
