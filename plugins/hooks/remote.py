"""What our hooks share: Airflow's connection turned into skyledger's, and a test that tells no secret."""

from abc import abstractmethod
from typing import ClassVar

from airflow.sdk import BaseHook
from airflow.sdk import Connection as AirflowConnection
from airflow.sdk.log import redact

from skyledger.connections import Connection


def as_ours(conn_id: str, found: AirflowConnection) -> Connection:
    """Turn a connection of Airflow into one of skyledger's."""
    return Connection(
        conn_id=conn_id,
        conn_type=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login,
        password=found.password,
        schema=found.schema,
        extra=found.extra_dejson,
    )


class RemoteHook(BaseHook):
    """Resolves an Airflow connection for `skyledger`, which knows nothing of Airflow."""

    conn_name_attr: ClassVar[str]
    default_conn_name: ClassVar[str]

    def __init__(self, conn_id: str | None = None, **kwargs: str) -> None:
        super().__init__()
        # the "Test" button of the connection form calls with the keyword that conn_name_attr names
        self.conn_id = conn_id or kwargs.pop(self.conn_name_attr, self.default_conn_name)
        if kwargs:
            raise TypeError(f"{type(self).__name__} has no argument {', '.join(kwargs)}")

    def resolve(self) -> Connection:
        """Look the connection up (environment, secrets backend, Airflow's database)."""
        return as_ours(self.conn_id, self.get_connection(self.conn_id))

    @abstractmethod
    def ask(self) -> str:
        """Talk to the remote system; return a sentence about what answered, or raise."""

    def test_connection(self) -> tuple[bool, str]:
        """For the "Test" button: (it works, a sentence). Never raises, never shows a secret."""
        try:
            answer = self.ask()
        except Exception as error:  # noqa: BLE001 - whatever went wrong is the answer
            return False, str(redact(f"{type(error).__name__}: {error}"))
        return True, str(redact(answer))
