"""Fields that the trigger forms of several DAGs share."""

from airflow.sdk import Param


def day_fields(clock: str = "UTC", empty: str = "the run's own day") -> dict[str, Param]:
    """`first_day` and `last_day`: days by `clock`; `empty` says what no entry means."""
    return {
        name: Param(
            None,
            type=["null", "string"],
            format="date",
            title=title,
            description_md=f"{clock}, {included}. Empty: {empty}.",
            section="Which days",
        )
        for name, title, included in (
            ("first_day", "First day", "from 00:00"),
            ("last_day", "Last day", "included"),
        )
    }


def mode_fields(dry_run: str, *, backfill: bool = True) -> dict[str, Param]:
    """`mode` and `dry_run` (which `dry_run` explains), as the ledger's plans understand them; `backfill_days` too."""
    modes = {
        "missing": "missing: what is not stored, or has changed since",
        "backfill": "backfill: missing, and the last days whatever their state",
        "all": "all: every day of the range again",
        "stale": "stale: only what is stored and outdated, also by a new configuration",
    }
    if not backfill:
        del modes["backfill"]
    days = Param(
        10, type="integer", minimum=1, maximum=3650, title="Days back, for mode backfill", section="How"
    )
    return {
        "mode": Param(
            "missing", type="string", enum=list(modes), values_display=modes, title="Mode", section="How"
        ),
        **({"backfill_days": days} if backfill else {}),
        "dry_run": Param(False, type="boolean", title="Dry run", description_md=dry_run, section="How"),
    }


def station_field(names: list[str]) -> Param:
    """`stations`: some of a network's stations, all of them unless told otherwise."""
    return Param(
        names,
        type="array",
        items={"type": "string", "enum": names},
        examples=names,
        minItems=1,
        title="Stations",
        section="Which stations",
    )
