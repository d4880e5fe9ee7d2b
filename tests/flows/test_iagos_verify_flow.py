"""The DAG that derives kept series again: its run fails, with the reason in the log, when something differs."""

import logging

import pytest

from sandbox.iagos.data_centre import DataCentre
from skyledger import config
from skyledger.connections import to_environment
from tests.flows.conftest import runnable
from tests.support.iagos_process import Network, waiting

pytestmark = [pytest.mark.integration, pytest.mark.slow]


def test_the_nightly_run_succeeds_until_a_file_is_changed(iagos_db, tmp_path, dagbag, monkeypatch, caplog):
    with DataCentre() as centre:
        network = Network(iagos_db, tmp_path / "data", centre).prepare(tmp_path)
        key = waiting(network)
        network.release(key)
    monkeypatch.setenv(*to_environment(iagos_db))
    monkeypatch.setattr(config, "DATA_ROOT", network.data_root)
    start = runnable(dagbag.dags["iagos_series_verify"], monkeypatch)
    run = start()
    assert run.state == "success"
    (task,) = run.get_task_instances()
    found = task.xcom_pull(task_ids="verify_series")
    assert (found["flights"], found["series"], found["files"], found["differences"]) == (1, 3, 4, [])

    (path,) = network.data_root.rglob("r1_L1_1.0.0.parquet")
    path.write_bytes(path.read_bytes()[:-1])
    with caplog.at_level(logging.ERROR):
        assert start().state == "failed"
    assert f"{key} L1 1.0.0: {path}: not the file that was kept" in caplog.text
