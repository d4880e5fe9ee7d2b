"""What Airflow loads as a plugin: the pages, which are made at the first request.

All processes of Airflow load plugins, tasks among them; only the api-server needs what pages need, and that takes more
than a second to import. Airflow makes this file a module of its own, by the name of the file: it must be no package's.
"""

from typing import Any

from airflow.plugins_manager import AirflowPlugin


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """The pages, as an ASGI application."""
    from network_page.pages import app

    await app(scope, receive, send)


class NetworkPagePlugin(AirflowPlugin):
    """Tells Airflow of the pages."""

    name = "skyledger"
    fastapi_apps = [{"app": pages, "url_prefix": "/skyledger", "name": "Skyledger"}]  # noqa: RUF012 - as Airflow wants it
