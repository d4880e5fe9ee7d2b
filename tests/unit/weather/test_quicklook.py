"""The picture of a day: what it shows, and that it does so the same way every time."""

import subprocess
import sys
from dataclasses import replace
from datetime import date
from functools import cache
from hashlib import sha256
from io import BytesIO

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from skyledger.meteorology import solar_elevation_deg
from skyledger.weather.bins import Bins
from skyledger.weather.quicklook import draw_quicklook, figure
from skyledger.weather.quicklook.day import FAIL, MISSING, view
from skyledger.weather.quicklook.style import COLOURS, FLAGS
from skyledger.weather.stations import Period
from skyledger.weather.variables import (
    AIR_PRESSURE,
    AIR_TEMPERATURE,
    GUST,
    PHOTONS,
    RAIN,
    RELATIVE_HUMIDITY,
    SHORTWAVE,
    WIND_DIRECTION,
    WIND_SPEED,
)
from tests.support.weather import DAY, day_of_bins, flagged, hours, only, station

FACTS = {"rows read": 86_263, "files": 25, "input": "9f3c2a71"}
CURVES = [
    "temperature and humidity", RELATIVE_HUMIDITY, "wind speed", "wind direction",
    "radiation", PHOTONS, "rain", "pressure and supply",
]  # fmt: skip


def drawn(bins: Bins, name: str = "UA-MAC", day: date = DAY) -> Figure:
    where = station(name)
    period = where.on(day)
    assert period is not None
    return figure(bins, where, period, day, facts=FACTS)


def png(bins: Bins) -> bytes:
    return draw_quicklook(bins, station(), station().periods[0], DAY, facts=FACTS)


def axes_of(picture: Figure, label: str) -> Axes:
    (found,) = [axes for axes in picture.axes if axes.get_label() == label]
    return found


def labels(picture: Figure) -> set[str]:
    return {axes.get_label() for axes in picture.axes}


def words(picture: Figure) -> str:
    """All that is written, legends and axes included."""
    texts = [text.get_text() for text in picture.texts]
    for axes in picture.axes:
        texts += [text.get_text() for text in axes.texts] + [axes.get_xlabel(), axes.get_ylabel()]
    for holder in (picture, *picture.axes):
        legends = picture.legends if holder is picture else [holder.get_legend()]
        texts += [text.get_text() for legend in legends if legend for text in legend.get_texts()]
    return "\n".join(texts)


def points(axes: Axes, marker: str) -> np.ndarray:
    """Places of the marks of a kind, (n, 2)."""
    found = [
        line.get_xydata() for line in axes.lines if line.get_marker() == marker and len(line.get_xdata())
    ]
    return np.concatenate(found) if found else np.empty((0, 2))


def bars_of(axes: Axes, *, face: str | None = None, edge: str | None = None) -> list[tuple[float, float]]:
    """Begin and end, in hours, of horizontal bars with a colour."""
    found = []
    for bars in axes.collections:
        if type(bars) is not PolyCollection:  # areas below curves are of a class of their own
            continue
        faces, edges = bars.get_facecolor(), bars.get_edgecolor()
        if face and (not len(faces) or to_hex(faces[0]) != face):
            continue
        if edge and (not len(edges) or to_hex(edges[0]) != edge):
            continue
        found += [(float(p.vertices[:, 0].min()), float(p.vertices[:, 0].max())) for p in bars.get_paths()]
    return found


def awkward_day() -> Bins:
    bins = day_of_bins()
    bins = flagged(bins, AIR_TEMPERATURE, hours(bins, 2, 3), 3)
    bins = flagged(bins, AIR_TEMPERATURE, hours(bins, 5, 5.5), 4)
    bins = flagged(bins, RELATIVE_HUMIDITY, hours(bins, 14, 16), 9)
    return only(bins, ~hours(bins, 20, 23))


@cache
def good() -> Figure:
    return drawn(day_of_bins())


@cache
def good_png() -> bytes:
    return png(day_of_bins())


@cache
def awkward() -> Figure:
    return drawn(awkward_day())


@cache
def farm() -> Figure:
    """Directions are arithmetic means of degrees, suspect all day; the barometer is broken."""
    bins = day_of_bins("UIUC-CEN")
    bins = flagged(bins, WIND_DIRECTION, np.ones(96, dtype=bool), 3)
    return drawn(flagged(bins, AIR_PRESSURE, np.ones(96, dtype=bool), 9), "UIUC-CEN")


def test_the_picture_is_a_png_of_the_stated_size():
    image = Image.open(BytesIO(good_png()))
    image.load()
    assert (image.format, image.size) == ("PNG", (1600, 1000))


def test_the_same_bins_give_the_same_bytes_and_others_do_not():
    bins = day_of_bins()
    assert png(bins) == good_png()
    assert png(flagged(bins, AIR_TEMPERATURE, hours(bins, 2, 2.1), 3)) != good_png()


def test_drawing_touches_no_global_state_of_matplotlib_and_is_the_same_in_every_process():
    code = (
        "import sys\n"
        "from hashlib import sha256\n"
        "import matplotlib\n"
        "from skyledger.weather.quicklook import draw_quicklook\n"
        "from tests.support.weather import DAY, day_of_bins, station\n"
        "settings = lambda: {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}\n"  # asks pyplot
        "before = settings()\n"
        f"png = draw_quicklook(day_of_bins(), station(), station().periods[0], DAY, facts={FACTS})\n"
        "print(sha256(png).hexdigest())\n"
        "assert settings() == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == sha256(good_png()).hexdigest()


def test_a_station_has_a_panel_for_what_it_measures():
    assert labels(good()) == {
        *CURVES, "coverage", "flags", "wind rose",
    }  # fmt: skip


def test_panels_of_what_a_station_does_not_measure_give_their_room_to_the_others():
    """The energy farm has neither shortwave nor battery."""
    full = good()
    assert PHOTONS not in labels(farm())  # no second axis: PAR stands alone
    written = words(farm())
    assert "PAR" in written
    assert "shortwave" not in written
    assert "air pressure" in written
    assert "battery" not in written
    bins = day_of_bins()
    few = drawn(replace(bins, variables={n: bins.variables[n] for n in (AIR_TEMPERATURE, RAIN)}))
    assert labels(few) == {"temperature and humidity", "rain", "coverage", "flags"}
    height = {
        name: axes_of(picture, "temperature and humidity").get_position().height
        for name, picture in (("full", full), ("farm", farm()), ("few", few))
    }
    assert height["full"] < height["farm"] < height["few"]


def test_curves_show_units_of_people_over_station_time():
    bins = day_of_bins()
    axes = axes_of(good(), "temperature and humidity")
    hour, value = axes.lines[0].get_data()
    np.testing.assert_allclose(value, bins.variables[AIR_TEMPERATURE].value - 273.15)
    np.testing.assert_allclose(hour, (np.arange(288) + 0.5) / 12)
    assert axes.get_ylabel() == "°C"
    humidity = axes_of(good(), RELATIVE_HUMIDITY).lines[0].get_ydata()
    np.testing.assert_allclose(humidity, 100 * bins.variables[RELATIVE_HUMIDITY].value)
    photons = axes_of(good(), PHOTONS).lines[0].get_ydata()
    np.testing.assert_allclose(photons, 1e6 * bins.variables[PHOTONS].value)


def test_the_clock_is_the_stations_and_its_offset_is_named():
    """Weakness 19: each station in its own time."""
    for picture, offset in ((good(), "UTC−07:00"), (farm(), "UTC−06:00")):
        axes = axes_of(picture, "pressure and supply")
        assert axes.get_xlabel() == f"station time ({offset})"
        assert [label.get_text() for label in axes.get_xticklabels()][:3] == ["00:00", "03:00", "06:00"]


def test_a_day_with_a_change_of_the_clock_has_23_hours_and_two_offsets():
    period = Period.model_validate(station().periods[0].model_dump() | {"clock": "America/Chicago"})
    summer = station().model_copy(update={"periods": (period,)})
    shown = view(only(day_of_bins(), slice(0, 0)), summer, period, date(2016, 3, 13))
    assert (shown.hours, shown.offset()) == (23, "UTC−06:00 to UTC−05:00")
    assert [shown.clock(hour) for hour in shown.ticks()][:3] == ["00:00", "03:00", "06:00"]
    assert shown.ticks()[:3] == [0, 2, 5]


def test_night_is_shaded_between_sunset_and_sunrise():
    shown = view(day_of_bins(), station(), station().periods[0], DAY)
    (_, sunrise), (_, sunset) = shown.sun_times()
    assert shown.nights == [(0, sunrise), (sunset, 24)]
    place = station().periods[0].position
    for hour in (sunrise, sunset):
        height = solar_elevation_deg(
            shown.begin.timestamp() + 3600 * hour, place.latitude_deg, place.longitude_deg
        )
        assert height == pytest.approx(-0.833, abs=0.25)  # a minute of the sun's way
    written = words(good())
    assert f"sunrise {shown.clock(sunrise)}" in written
    assert f"sunset {shown.clock(sunset)}" in written


def test_the_head_says_station_day_and_how_much_of_it_is_there():
    written = words(awkward())
    for part in (
        "Maricopa Agricultural Center, AZMET weather station",
        "Tuesday, 30 August 2016",
        "UA-MAC",
        "bins of 5 min",
        "87.5 %",
        "75 600 of 86 400 rows   ·   252 of 288 bins",  # in narrow spaces
        "rows read: 86263   ·   files: 25   ·   input: 9f3c2a71",
    ):
        assert part in written.replace("\N{NARROW NO-BREAK SPACE}", " "), part


def test_a_day_that_lacks_a_row_never_reads_complete():
    bins = day_of_bins()
    n_rows = bins.n_rows.copy()
    n_rows[7] -= 1
    assert "99.9 %" in words(drawn(replace(bins, n_rows=n_rows)))
    assert "100.0 %" in words(good())


def test_suspect_bins_are_triangles_on_the_curve():
    bins = awkward_day()
    marks = points(axes_of(awkward(), "temperature and humidity"), "^")
    flags = bins.variables[AIR_TEMPERATURE].flag
    np.testing.assert_allclose(marks[:, 0], (np.flatnonzero(flags == 3) + 0.5) / 12)
    np.testing.assert_allclose(marks[:, 1], bins.variables[AIR_TEMPERATURE].value[flags == 3] - 273.15)


def test_bins_without_a_value_are_bars_with_a_cross_where_the_tests_refused_them():
    picture = awkward()
    axes = axes_of(picture, "temperature and humidity")
    assert (5.0, 5.5) in bars_of(axes, face=COLOURS[AIR_TEMPERATURE])
    np.testing.assert_allclose(points(axes, "X")[:, 0], [5.25])
    humidity = axes_of(picture, RELATIVE_HUMIDITY)
    assert bars_of(humidity, edge=COLOURS[RELATIVE_HUMIDITY]) == [(14.0, 16.0)]
    assert len(points(humidity, "X")) == 0


def test_a_bin_whose_rows_were_refused_reads_fail_though_its_value_is_missing():
    bins = flagged(day_of_bins(), AIR_TEMPERATURE, np.arange(288) == 100, 4)
    old = bins.variables[AIR_TEMPERATURE]
    missing = replace(old, flag=np.where(old.flag == 4, 9, old.flag).astype(np.int8))
    bins = replace(bins, variables=bins.variables | {AIR_TEMPERATURE: missing})
    shown = view(bins, station(), station().periods[0], DAY)
    assert shown.series[AIR_TEMPERATURE].flag[100] == FAIL
    silent = flagged(day_of_bins(), AIR_TEMPERATURE, np.arange(288) == 100, 9)
    shown = view(silent, station(), station().periods[0], DAY)
    assert shown.series[AIR_TEMPERATURE].flag[100] == MISSING


def test_hours_without_records_are_hatched_and_named_and_no_curve_crosses_them():
    picture = awkward()
    for label in ("temperature and humidity", "wind speed", "rain", "coverage", "flags"):
        hatched = [patch for patch in axes_of(picture, label).patches if patch.get_hatch()]
        assert [(p.get_x(), p.get_x() + p.get_width()) for p in hatched] == [(20.0, 23.0)], label
    assert "no records" in words(picture)
    hour, value = axes_of(picture, "temperature and humidity").lines[0].get_data()
    assert np.isnan(value[(hour > 20) & (hour < 23)]).all()


def test_the_strips_show_and_count_the_flags_of_every_variable():
    picture = awkward()
    flags = axes_of(picture, "flags")
    names = [label.get_text() for label in flags.get_yticklabels()]
    assert names == [
        "air temperature", "relative humidity", "wind speed", "gust", "wind direction", "shortwave", "PAR",
        "rain", "battery", "logger temperature",
    ]  # fmt: skip
    assert bars_of(flags, face=FLAGS[3][2]) == [(2.0, 3.0)]
    assert bars_of(flags, face=FLAGS[4][2]) == [(5.0, 5.5)]
    assert bars_of(flags, face=FLAGS[9][2]) == [(14.0, 16.0)]
    heights = [FLAGS[flag][1] for flag in (2, 1, 3, 4)]
    assert heights == sorted(heights)  # the worse the taller: colour is not the only sign
    counts = [text.get_text() for text in picture.texts]
    start = counts.index("good")
    assert counts[start + 1 : start + 11] == ["234", "228", *["252"] * 8]
    start = counts.index("missing")
    assert counts[start + 1 : start + 11] == ["36", "60", *["36"] * 8]  # the gap counts


def test_rain_is_bars_and_a_stated_sum():
    bins = day_of_bins(rain_mm_h={16: 12.0, 17: 4.0})
    amount_mm = bins.variables[RAIN].value * 1000
    picture = drawn(bins)
    (bars,) = [c for c in axes_of(picture, "rain").collections if len(c.get_paths()) > 1]
    shown = [path.vertices[:, 1].max() for path in bars.get_paths()]
    np.testing.assert_allclose(shown, amount_mm[amount_mm > 0])
    assert f"sum: {amount_mm.sum():.2f} mm" in words(picture)
    total = axes_of(picture, "rain since the day's begin").lines[0].get_ydata()
    np.testing.assert_allclose(total, np.cumsum(amount_mm))


def test_a_dry_day_says_so_and_an_incomplete_one_says_what_was_seen():
    dry = day_of_bins()
    assert "no rain\n" in words(good()) + "\n"
    assert "no rain seen" in words(drawn(only(dry, ~hours(dry, 3, 6))))
    wet = day_of_bins(rain_mm_h={16: 12.0})
    assert "at least " in words(drawn(only(wet, ~hours(wet, 3, 6))))
    assert "at least " not in words(good())


def test_the_wind_rose_and_the_calm_add_up_to_the_whole_day():
    bins, picture = day_of_bins(), good()
    bars = axes_of(picture, "wind rose").patches
    speed = bins.variables[WIND_SPEED].value
    calm = np.count_nonzero(speed < 0.5) / 288
    assert sum(bar.get_height() for bar in bars) == pytest.approx(100 * (1 - calm))
    assert f"calm (< 0.5): {100 * calm:.0f} %" in words(picture)


def test_the_wind_rose_points_to_where_the_wind_comes_from():
    bins = day_of_bins()
    direction = bins.variables[WIND_DIRECTION]
    west = replace(direction, value=np.full(288, 270.0))
    rose = axes_of(drawn(replace(bins, variables=bins.variables | {WIND_DIRECTION: west})), "wind rose")
    angles = {bar.get_x() + bar.get_width() / 2 for bar in rose.patches if bar.get_height() > 0}
    assert np.rad2deg(list(angles)) == pytest.approx([270])
    assert (rose.get_theta_direction(), rose.get_theta_offset()) == (
        -1,
        pytest.approx(np.pi / 2),
    )  # N up, E right


def test_bins_with_wind_but_without_direction_are_stated_apart_from_calm():
    bins = day_of_bins()
    windy = bins.variables[WIND_SPEED].value >= 0.5
    lost = windy & hours(bins, 12, 15)
    written = words(drawn(flagged(bins, WIND_DIRECTION, lost, 4)))
    calm = f"calm (< 0.5): {100 * np.mean(~windy):.0f} %"
    assert f"{calm}; wind without direction: {100 * np.mean(lost):.0f} %" in written


def test_nothing_that_is_written_lies_outside_the_picture():
    bins = flagged(awkward_day(), WIND_DIRECTION, hours(awkward_day(), 12, 15), 4)
    bins = flagged(bins, SHORTWAVE, hours(bins, 12, 15), 4)
    picture = drawn(bins)
    canvas = FigureCanvasAgg(picture)
    canvas.draw()
    for text in picture.findobj(Text):
        if text.get_text() and text.get_visible():
            box = text.get_window_extent()
            assert 0 <= box.x0 < box.x1 <= 1600, text
            assert 0 <= box.y0 < box.y1 <= 1000, text


def test_a_calm_day_says_so():
    picture = drawn(day_of_bins(calm=True))
    assert "calm all day" in words(picture)
    assert "calm (< 0.5): 100 %" in words(picture)


def test_suspect_directions_are_hollow():
    axes = axes_of(farm(), "wind direction")
    hollow = [line for line in axes.lines if len(line.get_xdata()) and line.get_markerfacecolor() == "white"]
    assert sum(len(line.get_xdata()) for line in hollow) == 96
    assert "hollow: suspect" in words(farm())


def test_the_day_in_numbers_names_the_strongest_gust_and_its_time():
    bins = day_of_bins()
    gust = bins.variables[GUST].value
    at = int(np.argmax(gust))
    assert f"{gust[at]:.2f} m s⁻¹ at {at // 12:02d}:{at % 12 * 5:02d}" in words(good())


def test_radiation_is_summed_to_a_dose():
    bins = day_of_bins()
    for name, scale, unit in ((SHORTWAVE, 1e-6, "MJ m⁻²"), (PHOTONS, 1.0, "mol m⁻²")):
        assert f"{bins.variables[name].value.sum() * 300 * scale:.1f} {unit}" in words(good())


def test_a_single_bin_is_a_visible_point():
    bins = day_of_bins()
    axes = axes_of(drawn(only(bins, hours(bins, 14, 14.05))), "temperature and humidity")
    np.testing.assert_allclose(points(axes, "o")[:, 0], [14 + 1 / 24])


def test_a_variable_without_any_value_says_so_in_its_panel():
    assert "no values of air pressure" in words(farm())


def test_a_day_without_bins_is_a_placeholder_that_says_so():
    picture = drawn(only(day_of_bins(), slice(0, 0)))
    assert labels(picture) == {"placeholder"}
    assert "no data" in words(picture)
    assert "0 of 288 bins" in words(picture)


def test_a_product_of_one_bin_a_day_is_a_number_in_large_letters():
    written = words(drawn(day_of_bins("UA-MAC-IRRIGATION"), "UA-MAC-IRRIGATION"))
    assert "4.73 m³" in written
    assert "2.37 mm on 2\N{NARROW NO-BREAK SPACE}000 m²" in written  # vector 22 of the reference
    assert "flag: good" in written
