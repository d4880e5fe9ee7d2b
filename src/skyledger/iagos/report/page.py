"""The report as a page: content and figures in one HTML file that loads nothing and runs nothing."""

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from skyledger.drawing import thousands
from skyledger.iagos.assess import Assessment
from skyledger.iagos.flags import Validity
from skyledger.iagos.report.advice import not_measuring, percent
from skyledger.iagos.report.comparison import Comparison
from skyledger.iagos.report.figures import compare, over_time, route, style
from skyledger.iagos.report.view import of_instrument, pairs

_FOLDER = Path(__file__).parent
_NOTHING = "\N{EN DASH}"


def lay_out(
    content: dict[str, Any], assessment: Assessment, comparison: Comparison | None, json_name: str
) -> str:
    """The page."""
    return _template().render(
        content,
        figures=_figures(assessment, comparison),
        flags=[(v.name.lower(), style.FLAGS[v]) for v in Validity],
        json_name=json_name,
    )


def _figures(assessment: Assessment, comparison: Comparison | None) -> dict[str, Any]:
    """All figures as SVG elements; None where there is nothing to draw."""
    data = assessment.data
    with style.settings():
        drawn = {
            "over_time": {
                name: over_time.over_time(data, name, not_measuring(assessment, name)) for name in data.series
            },
            "map": route.route_map(data),
            "height": route.height_over_time(data),
            "profiles": compare.profiles(data, of_instrument(data)),
            "agreement": [compare.agreement(data, pair) for pair in pairs(data, assessment.config)],
            "differences": comparison
            and comparison.differences
            and compare.differences(comparison.time_s, dict(comparison.differences)),
        }
    return {name: _safe(one) for name, one in drawn.items()}


def _safe(drawn: Any) -> Any:
    """Figures need no escaping: the library that made them has escaped what they say."""
    if isinstance(drawn, dict):
        return {name: _safe(one) for name, one in drawn.items()}
    if isinstance(drawn, list):
        return [_safe(one) for one in drawn]
    return Markup(drawn) if drawn else None  # noqa: S704 - see above


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "percent": percent,
        "thousands": thousands,
        "number": _number,
        "clock": _clock,
        "moment": _moment,
        "plain": lambda number: f"{number:.6g}",
    }
    return environment.get_template("report.html.j2")


def _number(value: float | None, decimals: int) -> str:
    """A value with so many decimals, fewer where they say nothing."""
    if value is None:
        return _NOTHING
    digits = max(0, min(decimals, 4 - len(f"{abs(value):.0f}")))
    text = f"{value:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}" if float(text) else "")


def _moment(text: str | None) -> str:
    """Day and time of an ISO time."""
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S}" if text else _NOTHING


def _clock(text: str | None) -> str:
    """Time of an ISO time."""
    return f"{datetime.fromisoformat(text):%H:%M:%S}" if text else _NOTHING
