import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, create_engine, inspect
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import NullPool

from skyledger import migrations
from skyledger.config import CONFIG_DIR, PROJECT_ROOT, SQL_DIR, load
from skyledger.connections import Connection
from skyledger.errors import ConfigError, StorageError, StorageUnavailable
from skyledger.mapping import TelegramMapping
from skyledger.warehouse import Warehouse

pytestmark = pytest.mark.integration

HEAD = "carbosense_0003_telegrams"
ALL = ["carbosense_0001_ledger", "carbosense_0002_metadata", HEAD]
LEDGER_TABLES = {"ledger", "run_record", "rejected_record"}
METADATA_TABLES = {
    *("Location", "SensorUnits", "Sensors", "Deployment", "Calibration", "SensorExclusionPeriods"),
    *("RefMeasExclusionPeriods", "MCHMeasExclusionPeriods", "RefGasCylinder", "RefGasCylinder_Deployment"),
    *("ref_gas_cylinder", "ref_gas_cylinder_analysis", "cylinder_deployment"),
    *("RefGasCylinderExclusionPeriods", "cylinder_test_summaries"),
}
TELEGRAM_TABLES = {"lp8_data", "hpp_data", "vaisala_data", "licor_data"}
# SQL type that holds every value of the mapping's type, and no other
COLUMN_TYPES = {
    "float64": "double",
    "uint8": "tinyint unsigned",
    "uint16": "smallint unsigned",
    "uint32": "int unsigned",
}
MAPPINGS = sorted((CONFIG_DIR / "carbosense" / "telegrams").glob("*.yaml"))


@pytest.fixture
def url(carbosense_db: Connection) -> URL:
    """An empty database, whose own character set the tables must not inherit."""
    return in_latin1(carbosense_db)


@pytest.fixture(params=migrations.networks())
def each(request: pytest.FixtureRequest) -> tuple[str, URL]:
    """Every network with an empty database, as `url`."""
    return request.param, in_latin1(request.getfixturevalue(f"{request.param}_db"))


def in_latin1(connection: Connection) -> URL:
    url = Warehouse(connection).url
    run(create_engine(url, poolclass=NullPool), f"ALTER DATABASE `{url.database}` CHARACTER SET latin1")
    return url


@pytest.fixture
def engine(url: URL) -> Engine:
    """Sessions on a database that has all tables."""
    migrations.upgrade("carbosense", url)
    return create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")


def tables(url: URL) -> set[str]:
    return set(inspect(create_engine(url, poolclass=NullPool)).get_table_names())


def structure(url: URL) -> dict[str, str]:
    """Every table as the server itself would make it again."""
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        return {
            name: connection.exec_driver_sql(f"SHOW CREATE TABLE `{name}`").one()[1]
            for name in tables(url) - {"alembic_version"}
        }


def rows(engine: Engine, sql: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


def run(engine: Engine, *statements: str) -> None:
    with engine.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def test_upgrade_makes_all_tables_and_tells_what_it_applied(url: URL) -> None:
    assert migrations.current("carbosense", url) is None
    assert migrations.upgrade("carbosense", url) == ALL
    assert migrations.current("carbosense", url) == HEAD
    assert tables(url) == LEDGER_TABLES | METADATA_TABLES | TELEGRAM_TABLES | {"alembic_version"}


def test_a_second_upgrade_does_nothing(each: tuple[str, URL]) -> None:
    network, url = each
    migrations.upgrade(network, url)
    before = structure(url)
    assert migrations.upgrade(network, url) == []
    assert structure(url) == before


def test_up_down_up_gives_the_same_tables(each: tuple[str, URL]) -> None:
    network, url = each
    applied = migrations.upgrade(network, url)
    before = structure(url)
    assert migrations.downgrade(network, url, "base") == list(reversed(applied))
    assert tables(url) == {"alembic_version"}
    assert migrations.current(network, url) is None
    assert migrations.upgrade(network, url) == applied
    assert structure(url) == before


def test_history_shows_what_a_database_has_and_what_it_lacks(url: URL) -> None:
    migrations.upgrade("carbosense", url, "carbosense_0002_metadata")
    shown = [(r.revision, r.applied) for r in migrations.history("carbosense", url)]
    assert shown == [(HEAD, False), (ALL[1], True), (ALL[0], True)]
    assert "to do" in str(migrations.history("carbosense", url)[0])
    assert migrations.downgrade("carbosense", url, "-1") == [ALL[1]]
    assert migrations.upgrade("carbosense", url, "+1") == [ALL[1]]


def test_two_upgrades_at_once_run_one_after_the_other(url: URL) -> None:
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda _: migrations.upgrade("carbosense", url), range(4)))
    assert sorted(done) == [[], [], [], ALL]


def test_an_upgrade_that_cannot_get_its_turn_says_so(url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "LOCK_WAIT_S", 0)
    with (
        migrations._connected("carbosense", url) as connection,
        migrations._locked(connection),
        pytest.raises(StorageUnavailable, match="another migration"),
    ):
        migrations.upgrade("carbosense", url)
    assert tables(url) == set()


def test_a_migration_that_failed_half_way_is_healed_by_running_it_again(
    url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "sql"
    shutil.copytree(SQL_DIR, broken)
    file = broken / "carbosense" / "migrations" / "0002_metadata.up.sql"
    text = file.read_text(encoding="utf-8")
    before, table, after = text.partition("CREATE TABLE IF NOT EXISTS Calibration")
    assert table
    file.write_text(f"{before}CREATE TABLE oops (a NO_SUCH_TYPE);\n{table}{after}", encoding="utf-8")
    with monkeypatch.context() as patched:
        patched.setattr(migrations, "SQL_DIR", broken)
        with pytest.raises(StorageError, match=r"NO_SUCH_TYPE.*CREATE TABLE oops"):
            migrations.upgrade("carbosense", url)
    assert migrations.current("carbosense", url) == ALL[0]
    assert "Deployment" in tables(url)
    assert "Calibration" not in tables(url)

    assert migrations.upgrade("carbosense", url) == ALL[1:]
    healed = structure(url)
    migrations.downgrade("carbosense", url, "base")
    migrations.upgrade("carbosense", url)
    assert healed == structure(url)


def test_the_database_of_another_network_is_left_alone(engine: Engine, url: URL) -> None:
    run(engine, "UPDATE alembic_version SET version_num = 'iagos_0001_ledger'")
    before = structure(url)
    for move in (migrations.upgrade, lambda n, u: migrations.downgrade(n, u, "base"), migrations.current):
        with pytest.raises(ConfigError, match=r"iagos_0001_ledger.*another network's database"):
            move("carbosense", url)
    assert structure(url) == before


def test_an_unknown_revision_is_named(url: URL) -> None:
    with pytest.raises(ConfigError, match="'carbosense_9999'"):
        migrations.upgrade("carbosense", url, "carbosense_9999")


def test_errors_of_the_server_have_a_kind_and_hide_the_password(url: URL) -> None:
    secret = "hunter2-hunter2"
    with pytest.raises(StorageError, match=r"Access denied.*check login and password") as refused:
        migrations.current("carbosense", url.set(username="nobody", password=secret))
    with pytest.raises(StorageUnavailable) as away:
        migrations.current("carbosense", url.set(host="127.0.0.1", port=1, password=secret, query={}))
    with pytest.raises(StorageError, match="grant this user access to the database"):
        migrations.upgrade("carbosense", url.set(database=f"{url.database}_no"))
    assert secret not in f"{refused.value!r} {away.value!r}"


def test_every_table_and_column_has_a_comment(each: tuple[str, URL]) -> None:
    migrations.upgrade(*each)
    inspector = inspect(create_engine(each[1], poolclass=NullPool))
    names = set(inspector.get_table_names()) - {"alembic_version"}
    assert names > LEDGER_TABLES
    lacking = [name for name in names if not inspector.get_table_comment(name)["text"]]
    lacking += [
        f"{name}.{column['name']}"
        for name in names
        for column in inspector.get_columns(name)
        if not column["comment"]
    ]
    assert lacking == []


def test_every_table_is_transactional_and_holds_any_character(each: tuple[str, URL]) -> None:
    migrations.upgrade(*each)
    found = rows(
        create_engine(each[1], poolclass=NullPool),
        "SELECT TABLE_NAME, ENGINE, TABLE_COLLATION FROM information_schema.TABLES "
        "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME <> 'alembic_version'",
    )
    assert found
    assert {kind for _, kind, _ in found} == {"InnoDB"}
    assert {collation.partition("_")[0] for _, _, collation in found} == {"utf8mb4"}


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda p: p.stem)
def test_the_table_has_what_the_mapping_fills(engine: Engine, path: Path) -> None:
    mapping = load(TelegramMapping, path)
    table = mapping.destination.table
    found = {
        name: (kind.replace("(3)", "").replace("(5)", "").replace("(10)", ""), nullable, comment)
        for name, kind, nullable, comment in rows(
            engine,
            "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_COMMENT FROM information_schema.COLUMNS "
            f"WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{table}'",
        )
    }
    keys = {mapping.destination.member_column, mapping.destination.time_column}
    wanted = {c.name: (COLUMN_TYPES[c.type], "YES", f"{c.description} [{c.unit}]") for c in mapping.columns}
    assert {name: value for name, value in found.items() if name in wanted} == wanted
    assert set(found) == keys | set(wanted) | {"created_at", "updated_at"}
    assert set(inspect(engine).get_pk_constraint(table)["constrained_columns"]) == keys
    assert found[mapping.destination.member_column][:2] == ("smallint unsigned", "NO")
    assert found[mapping.destination.time_column][:2] == ("int unsigned", "NO")
    assert mapping.dataset == f"carbosense.{table}"


def test_there_is_a_mapping_for_each_telegram_table() -> None:
    assert {load(TelegramMapping, path).destination.table for path in MAPPINGS} == TELEGRAM_TABLES


def test_telegrams_of_an_unknown_box_are_refused(engine: Engine) -> None:
    run(engine, "INSERT INTO SensorUnits (SensorUnit_ID) VALUES (1010)")
    run(engine, "INSERT INTO lp8_data (SensorUnit_ID, time, battery) VALUES (1010, 1500000000, 3.6)")
    with pytest.raises(IntegrityError, match="lp8_data_unit_exists"):
        run(engine, "INSERT INTO lp8_data (SensorUnit_ID, time) VALUES (1011, 1500000000)")


def test_a_period_ends_after_it_starts(engine: Engine) -> None:
    run(
        engine,
        "INSERT INTO SensorUnits (SensorUnit_ID) VALUES (1010)",
        "INSERT INTO Location (LocationName, Date_UTC_from, Date_UTC_to) VALUES ('DUE1', '2017-01-01', '2100-01-01')",
        "INSERT INTO Deployment (SensorUnit_ID, LocationName, Date_UTC_from, Date_UTC_to) "
        "VALUES (1010, 'DUE1', '2017-06-01', '2100-01-01')",
    )
    with pytest.raises(OperationalError, match="Deployment_ends_after_start"):
        run(engine, "UPDATE Deployment SET Date_UTC_to = Date_UTC_from")
    checked = rows(
        engine,
        "SELECT COUNT(*) FROM information_schema.CHECK_CONSTRAINTS "
        "WHERE CONSTRAINT_SCHEMA = DATABASE() AND CONSTRAINT_NAME LIKE '%%ends_after_start'",
    )
    assert checked == [(len(METADATA_TABLES) - len({"SensorUnits"}),)]


def test_updated_at_moves_when_a_value_changes_and_only_then(engine: Engine) -> None:
    stamp = "SELECT created_at, updated_at FROM lp8_data"
    upsert = (
        "INSERT INTO lp8_data (SensorUnit_ID, time, battery) VALUES (1010, 1, {}) "
        "ON DUPLICATE KEY UPDATE battery = VALUES(battery)"
    )
    run(engine, "INSERT INTO SensorUnits (SensorUnit_ID) VALUES (1010)", upsert.format(3.6))
    first = rows(engine, stamp)
    run(engine, "DO SLEEP(0.01)", upsert.format(3.6))
    assert rows(engine, stamp) == first
    run(engine, upsert.format(3.5))
    created, updated = rows(engine, stamp)[0]
    assert created == first[0][0]
    assert updated > created


@pytest.mark.parametrize("network", migrations.networks())
def test_the_committed_data_dictionary_is_that_of_the_tables(network: str, url: URL) -> None:
    migrations.upgrade(network, url)
    page = PROJECT_ROOT / "docs" / "data-dictionary" / f"{network}.md"
    assert page.read_text(encoding="utf-8") == migrations.dictionary(network, url), (
        f"run `skyledger db dictionary {network} > docs/data-dictionary/{network}.md`"
    )
