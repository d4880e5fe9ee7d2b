"""RsyncStationOperator up to the point where it needs servers."""

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from airflow.sdk import BaseOperator

from operators import rsync_station
from operators.rsync_station import RsyncStationOperator
from skyledger.errors import ConfigError, PermanentError

PLUGINS = Path(rsync_station.__file__).parents[1]


def operator(**arguments) -> RsyncStationOperator:
    return RsyncStationOperator(task_id="bring", **{"station": "MINGO01"} | arguments)


def test_templates_are_rendered_in_every_argument():
    bring = operator(station="{{ params.station }}", first_day="{{ params.day }}", max_files="{{ params.n }}")
    bring.render_template_fields({"params": {"station": "MINGO02", "day": "2025-03-10", "n": 7}})
    assert (bring.station, bring.first_day, bring.max_files) == ("MINGO02", "2025-03-10", "7")
    arguments = set(inspect.signature(RsyncStationOperator.__init__).parameters) - {"self", "kwargs"}
    assert arguments == set(RsyncStationOperator.template_fields)


def test_no_argument_hides_a_method_of_the_base_class():
    assert not [name for name in RsyncStationOperator.template_fields if hasattr(BaseOperator, name)]


def test_nothing_heavy_is_loaded_while_dag_files_are_parsed():
    code = (
        f"import sys; sys.path.insert(0, {str(PLUGINS)!r}); import operators.rsync_station;"
        "print(sorted({'asyncssh', 'numpy', 'pyarrow', 'pymysql'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_raw_files_that_are_here_are_not_brought():
    assert operator(source="raw").execute({"run_id": "x"}) == {"station": "MINGO01", "source": "raw"}


def test_a_station_that_is_not_known_names_those_that_are():
    with pytest.raises(PermanentError, match="MINGO01, MINGO02"):
        operator(station="MINGO77").execute({"run_id": "x"})


def test_a_source_that_is_not_configured_is_told(monkeypatch):
    from skyledger.minitrasgo import stations

    known = stations.load_station("MINGO01").model_copy(update={"archive": None})
    monkeypatch.setattr(stations, "load_station", lambda name: known)
    with pytest.raises(ConfigError, match="MINGO01 has no archive"):
        operator(source="archive").execute({"run_id": "x"})


def test_a_summary_is_told_in_a_line_that_leaves_zeros_out():
    summary = {
        "station": "MINGO01",
        "listed": 7,
        "not_understood": 1,
        "new": 0,
        "days": ["2025-03-10"],
        "seconds": 1.26,
    }
    assert rsync_station._told(summary) == "7 listed, 1 not understood; days 2025-03-10; 1.3 s"
    assert rsync_station._told({"listed": 0, "days": [], "seconds": 0.0}) == "nothing there; 0.0 s"
