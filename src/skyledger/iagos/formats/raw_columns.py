"""Columns of raw files, by instrument type. Apart from the reader, which loads more than a DAG file may."""

# Columns after the time and the decimals they are written with; None: a code
P1_DECIMALS: dict[str, int | None] = {
    "lat": 5,
    "lon": 5,
    "p_hpa": 2,
    "tat_k": 2,
    "mach": 4,
    "o3_cell_a": 2,
    "o3_cell_b": 2,
    "o3_raw_ppb": 2,
    "co_raw_ppb": 2,
    "co_mode": None,
    "rh_raw": 5,
    "t_sensor_k": 2,
    "bcp_counts": 0,
    "status_word": None,
    "phase": 0,
}
DECIMALS = {"P1": P1_DECIMALS}  # by instrument type
