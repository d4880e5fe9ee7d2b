"""Limits and switches of the reduction, one model per step. Defaults are none: the YAML states every number.

Times and charges in ns, positions in mm, angles in degrees. Windows are (lowest, highest), both included.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from skyledger.config import Model

Window = tuple[float, float]
Positive = Annotated[float, Field(gt=0)]


class _Limits(Model):
    @model_validator(mode="after")
    def _windows_have_an_inside(self) -> Self:
        for name in type(self).model_fields:
            value = getattr(self, name)
            if (
                isinstance(value, tuple)
                and len(value) == 2
                and not isinstance(value[0], tuple)
                and value[0] >= value[1]
            ):
                raise ValueError(f"{name} is {value[0]:g} to {value[1]:g}; expected the lower limit first")
        return self


class Parse(_Limits):
    """Raw files."""

    max_rejected_share: Annotated[
        float, Field(gt=0, le=1, description="of lines; a file with more is not used")
    ]


class Clean(_Limits):
    """C3-C6: windows per channel, coincidence of all times of an event. Self triggers are only counted."""

    t_window_ns: Annotated[Window, Field(description="time of a channel")]
    q_window_ns: Annotated[Window, Field(description="width of a channel")]
    coincidence_ns: Annotated[
        float | None, Field(gt=0, description="full width around the event's median time; none: no test")
    ]


class Strip(_Limits):
    """C7, C10, C11: windows of strip variables before and after calibration."""

    q_sum_window_ns: Window
    q_dif_max_ns: Positive
    t_sum_window_ns: Window
    t_dif_max_ns: Positive
    calibrated_q_sum_window_ns: Window
    calibrated_q_dif_max_ns: Positive
    calibrated_t_dif_max_ns: Positive


class Pedestal(_Limits):
    """C8: charge pedestal per channel end."""

    quantile: Annotated[float, Field(gt=0, lt=0.5, description="of the widths of two-ended hits")]
    min_hits: Annotated[int, Field(ge=1, description="with fewer the last good value is used")]


class TimeDifference(_Limits):
    """C9: middle of the box that hits fill evenly."""

    edge_share: Annotated[float, Field(gt=0, lt=1, description="of the highest bin: where the box ends")]
    bin_ns: Positive
    min_hits: Annotated[int, Field(ge=1)]


class FrontBack(_Limits):
    """C10: polynomial of the charge difference against the charge."""

    enabled: bool
    degree: Annotated[int, Field(ge=1, le=6)]
    q_sum_window_ns: Annotated[Window, Field(description="hits that enter the fit")]
    q_dif_max_ns: Annotated[float, Field(gt=0, description="hits that enter the fit")]
    residual_max_ns: Annotated[float, Field(gt=0, description="hits that enter the second fit")]
    kept_ns: Annotated[float, Field(gt=0, description="corrected difference of hits that are kept")]
    kept_without_fit_ns: Annotated[float, Field(gt=0, description="the same where there is no fit")]
    min_hits: Annotated[int, Field(ge=10)]


class TimeSum(_Limits):
    """C12: time offsets of strips from pairs of planes."""

    pair_window_ns: Annotated[float, Field(gt=0, description="half width around the median of the pair")]
    min_pair_entries: Annotated[int, Field(ge=10)]
    trimmed_share: Annotated[float, Field(ge=0, lt=0.5, description="dropped at each tail")]
    coincidence_before_ns: Annotated[float | None, Field(gt=0, description="full width, offsets unknown")]
    coincidence_after_ns: Annotated[
        float | None, Field(gt=0, description="full width, after offsets and flight times are taken off")
    ]
    crt_max_ps: Annotated[float, Field(gt=0, description="pairs that enter the mean timing resolution")]


class CrossTalk(_Limits):
    """C13: peak of small charges near zero."""

    enabled: bool
    q_sum_window_ns: Window
    bins: Annotated[int, Field(ge=10)]
    limit_sigmas: Positive
    pedestal_sigmas: Positive


class Continuity(_Limits):
    """How far a file's calibration may lie from the median of those before it, before the day says so."""

    min_files: Annotated[
        int, Field(ge=3, description="with fewer before it there is nothing to compare with")
    ]
    max_files: Annotated[int, Field(ge=3, description="that are compared with, the nearest ones")]
    pedestal_max_ns: Positive
    offset_max_ns: Positive


class Planes(_Limits):
    """C14-C15: planes out of strips."""

    active_q_min_ns: Annotated[float, Field(ge=0, description="a strip with more charge is active")]
    charge_weighted: Annotated[bool, Field(description="times of a plane: weighted by charge, or plain mean")]
    t_rel_window_ns: Annotated[Window, Field(description="time after the first plane")]
    t_dif_max_ns: Positive
    q_sum_window_ns: Window
    q_dif_max_ns: Positive
    y_max_mm: Positive
    streamer_q_min_ns: Annotated[float, Field(gt=0, description="a plane with more charge is a streamer")]


class Track(_Limits):
    """C16: errors of the measured quantities, and which refits are made beside the straight-line fit."""

    sigma_y_mm: Positive
    sigma_z_mm: Positive
    sigma_t_sum_ns: Positive
    sigma_t_dif_ns: Positive
    detached: Annotated[bool, Field(description="also fit position and time apart, by singular vectors")]
    timtrack: Annotated[bool, Field(description="also fit all six parameters at once, by iteration")]
    timtrack_cocut: Positive
    timtrack_iterations: Annotated[int, Field(ge=1)]


class Quality(_Limits):
    """C17: what is expected of a well measured track."""

    position_max_mm: Positive
    slope_max: Positive
    theta_max_deg: Positive
    slowness_window_ns_mm: Window
    residual_y_max_mm: Positive
    residual_t_sum_max_ns: Positive
    residual_t_dif_max_ns: Positive
    slowness_disagreement_ns_mm: Annotated[
        float, Field(gt=0, description="half the difference between the detached fit and the other one")
    ]


class Ring(Model):
    """One ring of directions."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9]{0,7}$")]
    theta_deg: Annotated[Window, Field(description="from, to (excluded; 90 included)")]
    sectors: Annotated[int | None, Field(ge=1, le=36, description="none: one, without a number in its label")]


class Region(Model):
    """C18: where a track came from."""

    apply_phi_north: Annotated[bool, Field(description="sectors against north; else in detector coordinates")]
    separator: Annotated[str, Field(pattern=r"^[._]$", description="between ring and sector in a label")]
    rings: Annotated[
        tuple[Ring, ...], Field(min_length=1, description="from the zenith outwards, without gap")
    ]

    @model_validator(mode="after")
    def _rings_join(self) -> Self:
        edges = [self.rings[0].theta_deg[0]] + [ring.theta_deg[1] for ring in self.rings]
        starts = [ring.theta_deg[0] for ring in self.rings]
        if starts != edges[:-1] or edges != sorted(set(edges)) or edges[0] != 0 or edges[-1] != 90:
            raise ValueError(
                f"rings reach {', '.join(f'{e:g}' for e in edges)} degrees; expected 0 to 90 without gap"
            )
        if len({ring.name for ring in self.rings}) < len(self.rings):
            raise ValueError("two rings have the same name")
        if (regions := sum(ring.sectors or 1 for ring in self.rings)) > 127:
            raise ValueError(f"{regions} regions; expected at most 127")
        return self


class Accumulate(_Limits):
    """C19: minutes and live time."""

    noisy_second_p: Annotated[
        float,
        Field(
            gt=0, lt=0.01, description="a second with so improbably many events is dropped, and its live time"
        ),
    ]
    median_window_s: Annotated[
        int, Field(ge=11, description="seconds of the running median it is compared with")
    ]
    dead_gap_min_s: Annotated[
        float, Field(gt=0, description="a longer pause between events counts as dead ...")
    ]
    dead_gap_events: Annotated[float, Field(gt=0, description="... if so many events were expected in it")]


class Efficiency(_Limits):
    """C20: telescope of the three other planes."""

    x_max_mm: Annotated[float, Field(gt=0, description="predicted point, inner planes")]
    y_max_mm: Positive
    outer_x_max_mm: Annotated[float, Field(gt=0, description="predicted point, planes 1 and 4")]
    outer_y_max_mm: Positive
    theta_max_deg: Positive
    event_charge_min_ns: Annotated[float, Field(ge=0)]


class Reduction(Model):
    """Everything that the reduction of a file is told, besides the detector's heights and cables."""

    description: str
    parse: Parse
    clean: Clean
    strip: Strip
    pedestal: Pedestal
    time_difference: TimeDifference
    front_back: FrontBack
    time_sum: TimeSum
    cross_talk: CrossTalk
    continuity: Continuity
    planes: Planes
    track: Track
    quality: Quality
    region: Region
    accumulate: Accumulate
    efficiency: Efficiency
