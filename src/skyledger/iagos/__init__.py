"""IAGOS: instruments on passenger aircraft, from the data centre's new file to a released Level 1 and Level 2.

Where to look:

- `names` identifiers, file names, versions; `flags` the network's flags per value; `variables` names, units,
  standard names; `instruments` what an instrument type measures; `flight` the data of one flight in memory
- `states` the state machine of a flight file; `jobs` which source is asked how often, `job_state` when it was
- `transfer/` how files come: REST with tokens, folders over SFTP; listing, download, acknowledgement
- `formats/` NASA Ames, NetCDF, raw files of the aircraft
- `metadata/` the instrument database: components, calibrations, deployments, flights, people
- `science/` formulas, synchronisation, calibration, uncertainty: from raw columns to Level 0 and to a Level 2 candidate
- `series` where the data of a flight are kept (Parquet), and their index
- `assess/` quality control of a flight; `report/` what the PI reads
- `release/` the PI's decision, versions, products, delivery, reprocessing
- `process` drives a flight from one state to the next; `verify` derives what is kept again and compares
"""
