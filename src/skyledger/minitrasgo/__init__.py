"""miniTRASGO: cosmic-ray stations, from raw detector files to events and rates.

Where to look, in the order in which a file passes:

- the detector and what is configured: `detector`, `stations`, `reduction`, `run_dictionary`
- files arrive: `names`, `choose`, `acquire`, `archives`, `unpacker`, `content`, `registry`, `contact`, `raw_store`
- one file in memory (`reduce`): `rawfile` (with `rawfile_layouts`, `rawfile_lines`), `clean`, `calibrate` (with
  `pedestals`, `timing`, `cross_talk`, `charge`), `planes`, `track` (with `lines`, `detached`, `timtrack`), `quality`,
  `region`, `accumulate`, `efficiency`, `histograms`
- what is to be done, and what is stored: `plan`, `reduce_file`, `last_good`, `calibrations`, `file_product`, `events`,
  `join`, `continuity`, `store`
- what people look at: `figures`, `inspection`, `run_files`, `pictures`, `quicklook`
"""
