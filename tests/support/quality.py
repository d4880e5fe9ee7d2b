"""Frames and flags for tests of quality control."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import ArrayLike

from skyledger.config import load
from skyledger.errors import ConfigError
from skyledger.quality import Frame, QualityConfig, Verdict, evaluate
from skyledger.quality.base import QualityTest

START_S = 1_472_540_784.0  # 2016-08-30 07:06:24 UTC
NAN = np.nan


def frame(values: ArrayLike = (), *, time_s: ArrayLike | None = None, **fields: Any) -> Frame:
    """One series `x`, each second unless said otherwise; `others` are further series of the same length."""
    x = np.asarray(values, dtype=np.float64)
    seconds = np.arange(len(x)) if time_s is None else np.asarray(time_s)
    others = {name: np.asarray(v, dtype=np.float64) for name, v in fields.pop("others", {}).items()}
    return Frame(
        time_s=START_S + seconds.astype(np.float64),
        series={"x": x, **others},
        interval_s=fields.pop("interval_s", 1.0),
        **fields,
    )


def probabilities(test: QualityTest, *values: Any, **fields: Any) -> list[float | None]:
    """What a test says of series `x`; None where it says nothing."""
    p = test.probability(frame(*values, **fields), "x")
    return [None if np.isnan(value) else round(float(value), 6) for value in p]


def config(*items: dict[str, Any], others: tuple[str, ...] = (), **group: Any) -> QualityConfig:
    """Series `x` with these items; `others` are known series without tests."""
    series = {"x": {"items": items, **group}, **{name: {"items": ()} for name in others}}
    return QualityConfig.model_validate({"name": "test", "version": 1, "series": series})


def judged(what: Frame, *items: dict[str, Any], **group: Any) -> Verdict:
    """Verdict on series `x` by these items."""
    others = tuple(name for name in what.series if name != "x")
    return evaluate(what, config(*items, others=others, **group))["x"]


def refusal(tmp_path: Path, text: str) -> str:
    """Why a configuration is refused."""
    path = tmp_path / "limits.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load(QualityConfig, path)
    return str(caught.value)
