"""Ways to reach people: e-mail through Airflow's SMTP connection, and any service Apprise knows.

Addresses are a matter of the deployment and never stand in code: `SKYLEDGER_ALERT_EMAIL` (recipients,
comma-separated; server and sender are the connection `smtp_default`), the connection `apprise_default`
(extra `config` as the Apprise provider documents it) and `SKYLEDGER_ALERT_APPRISE` (URLs, separated by
spaces). An Apprise URL holds tokens: it is masked, and only its scheme is ever logged.
"""

import logging
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape

from airflow.sdk import BaseHook
from airflow.sdk.exceptions import AirflowNotFoundException
from airflow.sdk.log import mask_secret, redact

log = logging.getLogger(__name__)

EMAIL_VARIABLE = "SKYLEDGER_ALERT_EMAIL"
APPRISE_VARIABLE = "SKYLEDGER_ALERT_APPRISE"
SMTP_CONNECTION = "smtp_default"
APPRISE_CONNECTION = "apprise_default"


@dataclass(frozen=True, slots=True)
class Message:
    """What people read. Every line of `lines` is a (label, text) pair."""

    subject: str
    lines: tuple[tuple[str, str], ...]
    good_news: bool = False

    @property
    def text(self) -> str:
        """As plain text."""
        return "\n".join(f"{label}: {text}" if label else text for label, text in self.lines)

    @property
    def html(self) -> str:
        """As a mail body: labels in bold, addresses as links."""
        return "\n".join(
            f"<p>{f'<b>{escape(label)}</b><br>' if label else ''}{_linked(text)}</p>"
            for label, text in self.lines
        )


def _linked(text: str) -> str:
    if text.startswith(("http://", "https://")):
        return f'<a href="{escape(text, quote=True)}">{escape(text)}</a>'
    return escape(text).replace("\n", "<br>")


def send_everywhere(message: Message) -> bool:
    """Send through every channel that is set up.

    A channel that fails is logged and does not stop the others. Returns False when somebody should have
    been told and nobody was.
    """
    channels = list(_channels())
    if not channels:
        log.warning(
            "nobody is told: no alert channel is set up (%s, connection %s, %s)",
            EMAIL_VARIABLE, APPRISE_CONNECTION, APPRISE_VARIABLE,
        )  # fmt: skip
        return True
    delivered = [_sent(name, send, message) for name, send in channels]  # every one, not up to the first
    return any(delivered)


def mail_to(recipients: list[str], message: Message) -> bool:
    """Write to people by name, besides whoever gets alerts; only where mail is set up. Returns whether it was sent."""
    if not recipients or not os.environ.get(EMAIL_VARIABLE):
        return False
    return _sent(f"e-mail to {len(recipients)} people", lambda one: _send_email(recipients, one), message)


def _channels() -> Iterator[tuple[str, Callable[[Message], None]]]:
    recipients = [part.strip() for part in os.environ.get(EMAIL_VARIABLE, "").split(",") if part.strip()]
    if recipients:
        yield "e-mail", lambda message: _send_email(recipients, message)
    for url in _apprise_urls():
        yield f"Apprise {url.partition(':')[0]}", lambda message, url=url: _send_apprise(url, message)


def _sent(name: str, send: Callable[[Message], None], message: Message) -> bool:
    try:
        send(message)
    except Exception as error:  # noqa: BLE001 - a channel must never fail the task
        log.error("alert through %s failed: %s: %s", name, type(error).__name__, redact(str(error)))
        return False
    log.info("alert sent through %s: %s", name, message.subject)
    return True


def _send_email(recipients: list[str], message: Message) -> None:
    from airflow.providers.smtp.hooks.smtp import SmtpHook

    with SmtpHook(smtp_conn_id=SMTP_CONNECTION) as hook:
        hook.send_email_smtp(to=recipients, subject=message.subject, html_content=message.html)


def _send_apprise(url: str, message: Message) -> None:
    import apprise

    logging.getLogger("apprise").setLevel(logging.ERROR)  # its lower levels quote addresses
    service = apprise.Apprise()
    if not service.add(url):
        raise ValueError("the address is not one Apprise understands")
    kind = apprise.NotifyType.SUCCESS if message.good_news else apprise.NotifyType.FAILURE
    if not service.notify(title=message.subject, body=message.text, notify_type=kind):
        raise ConnectionError("the service did not accept the message")


def _apprise_urls() -> list[str]:
    urls = os.environ.get(APPRISE_VARIABLE, "").split()
    try:
        config = BaseHook.get_connection(APPRISE_CONNECTION).extra_dejson.get("config") or []
    except AirflowNotFoundException:
        config = []
    except Exception as error:  # noqa: BLE001 - the other channels still work
        log.error("connection %s cannot be read: %s", APPRISE_CONNECTION, type(error).__name__)
        config = []
    if isinstance(config, str):
        import json

        config = json.loads(config)
    entries = config if isinstance(config, list) else [config]
    urls += [entry["path"] for entry in entries if entry]
    for url in urls:
        mask_secret(url)
    return urls
