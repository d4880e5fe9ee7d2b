import re

import pytest
from alembic.script import ScriptDirectory

from skyledger import migrations
from skyledger.config import SQL_DIR
from skyledger.errors import ConfigError

HERE = migrations.HERE / "versions"


def test_statements_split_at_semicolons_but_not_in_text_names_or_comments() -> None:
    sql = """
    -- one; two
    CREATE TABLE a (b INT COMMENT 'x; y''s "z" \\'; -- no comment', `c;d` INT); # end; of line
    /* first;
       second */ INSERT INTO a VALUES (1 -- why; not
       , "2;3"); ;
    SELECT 5-- 3
    """
    assert migrations.split_statements(sql) == [
        "CREATE TABLE a (b INT COMMENT 'x; y''s \"z\" \\'; -- no comment', `c;d` INT)",
        'INSERT INTO a VALUES (1  \n       , "2;3")',
        "SELECT 5",
    ]


def test_a_text_of_comments_holds_no_statement() -> None:
    assert migrations.split_statements("-- nothing; here\n/* ; */;\n") == []


@pytest.mark.parametrize("network", migrations.networks())
def test_each_network_is_one_branch_with_one_head(network: str) -> None:
    script = ScriptDirectory.from_config(migrations._config())
    steps = list(script.iterate_revisions(f"{network}@head", "base"))
    assert [s.revision for s in steps if s.is_head] == [steps[0].revision]
    assert len(steps) == len(list((HERE / network).glob("*.py")))
    # current() tells networks apart by this prefix, and alembic keeps 32 characters
    assert all(re.fullmatch(rf"{network}_\d{{4}}_[a-z_]+", s.revision) for s in steps)
    assert all(len(s.revision) <= 32 for s in steps)
    assert [s.revision for s in steps if s.branch_labels and s.is_base] == [steps[-1].revision]


def test_there_are_networks_and_no_head_outside_them() -> None:
    script = ScriptDirectory.from_config(migrations._config())
    assert {"carbosense", "weather"} <= set(migrations.networks())
    assert len(script.get_heads()) == len(migrations.networks())


def test_every_sql_file_of_a_migration_is_run_by_a_revision_and_exists() -> None:
    named = {
        path
        for revision in HERE.rglob("*.py")
        for path in re.findall(r'run_file\("([^"]+)"\)', revision.read_text(encoding="utf-8"))
    }
    present = {str(path.relative_to(SQL_DIR)) for path in SQL_DIR.glob("*/migrations/*.sql")}
    assert named == present
    assert len(present) >= 6


def test_every_statement_can_run_again_after_a_failure() -> None:
    files = list(SQL_DIR.glob("*/migrations/*.sql"))
    assert files
    for path in files:
        for statement in migrations.split_statements(path.read_text(encoding="utf-8")):
            again = re.search(r"\bIF (NOT )?EXISTS\b|^INSERT IGNORE\b", statement)
            assert again, f"{path.name}: {statement[:60]}"


def test_history_lists_the_newest_revision_first() -> None:
    revisions = migrations.history("carbosense")
    assert [r.revision for r in revisions] == [
        "carbosense_0003_telegrams",
        "carbosense_0002_metadata",
        "carbosense_0001_ledger",
    ]
    assert str(revisions[-1]) == "carbosense_0001_ledger  Ledger, run records and rejected records."


def test_an_unknown_network_is_refused_before_any_connection() -> None:
    with pytest.raises(ConfigError, match="unknown network 'mars'; expected one of carbosense"):
        migrations.upgrade("mars", "mysql+pymysql://nobody@127.0.0.1:1/none")
