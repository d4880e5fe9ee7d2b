"""From raw columns to physical values: formulas, synchronisation, calibration, uncertainty."""
