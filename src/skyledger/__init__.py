"""Skyledger: the science, formats and storage behind the daily data flows of four observing networks.

This package never imports Airflow; `plugins/` does. Start reading at `ledger.py`.
"""

from importlib.metadata import version

__version__ = version("skyledger")
