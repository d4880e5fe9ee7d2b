"""`make demo`: the whole deployment on this machine, with simulated networks whose truth is known.

Starts the private servers, fills them with some days, runs the flows in a real Airflow, compares what
arrived with the truth, and stays up until Ctrl-C. With ONCE=1 in the environment it ends by itself, and
its status says whether everything was right.
"""

import os
import shlex
import signal
import sys
import time
from contextlib import ExitStack

from sandbox import processes
from sandbox.airflow import USER, PrivateAirflow
from sandbox.carbosense.demo import CarboSenseDemo
from sandbox.console import out, step
from sandbox.iagos.demo import IagosDemo
from sandbox.minitrasgo.demo import MiniTrasgoDemo
from sandbox.servers import LOCAL, MariaDB, write_private
from sandbox.weather.demo import WeatherDemo
from skyledger.connections import to_environment

ENVIRONMENT_FILE = LOCAL / "demo.env"  # connections, for `skyledger` at the terminal
DATA_ROOT = LOCAL / "demo" / "data"


def main() -> int:
    """Run the demo; 0 when everything was right."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # leave through the context managers
    once = os.environ.get("ONCE", "") not in ("", "0")
    LOCAL.mkdir(exist_ok=True)
    processes.record(LOCAL / "demo.pid", os.getpid())  # for `make stop`
    with ExitStack() as stack:
        with step("MariaDB"):
            mariadb = stack.enter_context(MariaDB())
        networks = (
            CarboSenseDemo(stack, mariadb),
            WeatherDemo(stack, mariadb, DATA_ROOT),
            MiniTrasgoDemo(stack, mariadb, DATA_ROOT),
            IagosDemo(stack, mariadb, DATA_ROOT),
        )
        environment = {"SKYLEDGER_DATA": str(DATA_ROOT)}
        environment |= dict(to_environment(c) for network in networks for c in network.connections)
        exports = (f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
        write_private(ENVIRONMENT_FILE, "".join(exports))
        with step("Airflow (half a minute)"):
            airflow = stack.enter_context(
                PrivateAirflow(environment=environment, people=IagosDemo.people, afresh=True)
            )
        verdicts = [network.run(airflow) for network in networks]  # each, also after one has failed
        right = all(verdicts)
        out.print(
            f"Airflow    {airflow.url}   user {USER}, password {airflow.password} (also in {airflow.password_file})\n"
            f"MariaDB    {mariadb.host}:{mariadb.port}, a database per network",
            soft_wrap=True,
        )
        for network in networks:
            out.print(network.where(airflow), soft_wrap=True)
        out.print(
            f"Terminal   . {ENVIRONMENT_FILE.relative_to(LOCAL.parent)}; .venv/bin/skyledger ledger status weather",
            soft_wrap=True,
        )
        if once:
            out.print(
                "everything arrived as it should" if right else "[bold red]something went wrong, see above"
            )
            return 0 if right else 1
        out.print("Running until Ctrl-C.")
        wait_for_interrupt()
    return 0


def wait_for_interrupt() -> None:
    """Return at Ctrl-C; a SIGTERM leaves through SystemExit."""
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        out.print("stopping")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
