"""Products on their way to the data centre, and what becomes of the flight: an outbox whose rows are the products.

Delivering twice does no harm: the data centre knows what it has. A run that was killed leaves the product to be
delivered; what the data centre refuses is told and tried again when somebody asks for it.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from skyledger.errors import PermanentError, SkyledgerError, StorageError
from skyledger.iagos import states
from skyledger.iagos.flight import Key
from skyledger.iagos.names import Level, Version
from skyledger.iagos.release.products import files_of, intact
from skyledger.iagos.release.sql import naive_now, statement
from skyledger.iagos.release.versions import Product, ProductState, products, versions_of
from skyledger.iagos.states import State
from skyledger.iagos.transfer.errors import BadRequest, InvalidProduct, ProductConflict
from skyledger.warehouse import Session, Warehouse
from skyledger.wire import ConnectionLost

log = logging.getLogger(__name__)

LONGEST_MESSAGE = 2000  # characters
_TO_DELIVER: tuple[ProductState, ...] = ("written", "failed")
# State of a flight whose product of this level is to be delivered, and the state after that
_ON_THE_WAY = {
    Level.NRT: (State.QC_DONE, State.NRT_EXPORTED),
    Level.L1: (State.L1_RELEASED, State.AWAITING_CAL),
    Level.L2: (State.L2_RELEASED, State.L2_RELEASED),
}


class TakesProducts(Protocol):
    """The client of a data centre, as far as it is needed here."""

    def put_product(
        self, flight_id: str, instrument_type: str, level: Level, version: Version, path: Path
    ) -> bool: ...


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was delivered."""

    key: Key
    level: Level
    versions: tuple[str, ...] = ()  # delivered now
    files: int = 0  # that the data centre did not have before

    def told(self) -> str:
        """One sentence."""
        if not self.versions:
            return f"{self.level} is with the data centre already"
        return f"delivered {self.level} {', '.join(self.versions)}: {self.files} new files"

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for XCom and reports."""
        return {
            "flight": self.key.text,
            "level": str(self.level),
            "versions": list(self.versions),
            "files": self.files,
        }


def push_products(
    warehouse: Warehouse, client: TakesProducts, key: Key, level: Level, *, data_root: Path, run_id: str
) -> Pushed:
    """Deliver what a flight has at a level and the data centre has not; then the flight goes on.

    Where that fails, the flight says so (EXPORT_FAILED) and the error goes on: SourceUnavailable when waiting helps;
    ProductConflict, InvalidProduct for a person. Raises PermanentError when the files are not written yet.
    """
    versions, files = [], 0
    with warehouse.session() as session, states.held(session, key.flight_id, key.instrument_type):
        found = [one for one in versions_of(session, key, level) if one.key == key]
        if not found or any(one.state == "pending" for one in found):
            raise PermanentError(f"{key} {level}: {'not written yet' if found else 'nothing was released'}")
        for product in found:
            if product.state in _TO_DELIVER:
                files += _deliver(session, client, product, data_root, run_id)
                versions.append(str(product.version))
        session.commit(lambda: _go_on(session, key, level, run_id))
    return Pushed(key, level, tuple(versions), files)


def undelivered(session: Session) -> list[Product]:
    """Products that are not with the data centre, oldest flight first."""
    return products(session, among=("pending", *_TO_DELIVER))


def _deliver(session: Session, client: TakesProducts, product: Product, data_root: Path, run_id: str) -> int:
    """Deliver a product; return how many files were new there. What fails is noted, and goes on."""
    key, new = product.key, 0
    try:
        for path, sha256 in files_of(product, data_root):
            if not intact(path, sha256):
                raise StorageError(
                    f"{path}: is not the file that was written; have the products written again"
                )
            new += client.put_product(
                key.flight_id, key.instrument_type, product.level, product.version, path
            )
    except ConnectionLost:
        raise
    except SkyledgerError as failure:
        session.commit(lambda error=failure: _note_failure(session, product, error, run_id))  # type: ignore[misc]
        raise
    values = {"product_id": product.product_id, "now": naive_now(), "run_id": run_id}
    session.commit(lambda: session.execute(statement("note_pushed"), values))
    return new


def _note_failure(session: Session, product: Product, error: SkyledgerError, run_id: str) -> None:
    refused = isinstance(error, ProductConflict | InvalidProduct | BadRequest)
    session.execute(
        statement("note_not_pushed"),
        {
            "product_id": product.product_id,
            "refused": refused,
            "message": str(error)[:LONGEST_MESSAGE],
            "run_id": run_id,
        },
    )
    before, _ = _ON_THE_WAY[product.level]
    found = states.state_of(session, product.key)
    if found and found.state is before:
        states.move(
            session, product.key, State.EXPORT_FAILED, before=before, reason=str(error), run_id=run_id
        )


def _go_on(session: Session, key: Key, level: Level, run_id: str) -> None:
    """Everything is delivered: the next state, also of a flight whose delivery had failed before."""
    before, after = _ON_THE_WAY[level]
    found = states.state_of(session, key)
    if found is None or found.state is after:
        return
    failed = found.state is State.EXPORT_FAILED and states.history(session, key)[-1].before == before
    if found.state is before or failed:
        states.move(session, key, after, before=found.state, reason=f"{level} delivered", run_id=run_id)
