"""Quality control of a flight: its frame, its configuration, its results.

`judge.assess` gives every value of a flight a validity and says which test found what; `findings` is what it returns;
`by_hand` are the flags that people set; `runs` keeps configurations, runs and results; `encounters` compares the
profiles of two aircraft, for people only.
"""

from skyledger.iagos.assess.findings import (
    Assessment,
    ManualFlag,
    ManualFlags,
    Statistics,
    TestFinding,
    VariableAssessment,
)
from skyledger.iagos.assess.judge import assess, quality_config

__all__ = [
    "Assessment",
    "ManualFlag",
    "ManualFlags",
    "Statistics",
    "TestFinding",
    "VariableAssessment",
    "assess",
    "quality_config",
]
