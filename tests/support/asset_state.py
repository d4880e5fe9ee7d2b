"""The asset state store of a watcher: Airflow's own accessors, with the wire to its supervisor answered from a dict."""

from typing import Any

import pytest
from airflow.sdk import Asset
from airflow.sdk.exceptions import ErrorType
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import (
    AssetStateStoreResult,
    ErrorResponse,
    GetAssetStateStoreByName,
    SetAssetStateStoreByName,
)
from airflow.sdk.execution_time.context import AssetStateStoreAccessors


class StateStore:
    """What survives a restart of the triggerer. `away` makes every question fail, as an API server that is down."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.values: dict[tuple[str, str], Any] = {}
        self.away = False
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", self, raising=False)

    def of(self, name: str) -> AssetStateStoreAccessors:
        """What the triggerer gives a trigger that watches for the asset."""
        return AssetStateStoreAccessors(inlets=[Asset(name)])

    async def asend(self, message: Any) -> Any:
        """Answer as the supervisor does."""
        if self.away:
            raise RuntimeError("API server is down")
        if isinstance(message, SetAssetStateStoreByName):
            self.values[message.name, message.key] = message.value
            return None
        assert isinstance(message, GetAssetStateStoreByName)
        if (message.name, message.key) in self.values:
            return AssetStateStoreResult(value=self.values[message.name, message.key])
        return ErrorResponse(error=ErrorType.ASSET_STORE_NOT_FOUND, detail={})
