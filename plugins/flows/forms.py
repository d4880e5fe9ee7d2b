"""Fields that the trigger forms of several DAGs share."""

from airflow.sdk import Param


def day_fields() -> dict[str, Param]:
    """`first_day` and `last_day`, as `flows.days.data_days` reads them."""
    return {
        name: Param(
            None,
            type=["null", "string"],
            format="date",
            title=title,
            description_md=f"UTC, {included}. Empty: the run's own day.",
            section="Which days",
        )
        for name, title, included in (
            ("first_day", "First day", "from 00:00"),
            ("last_day", "Last day", "included"),
        )
    }
