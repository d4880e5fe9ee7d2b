"""A small world with a seed and a known truth, for the demo and the tests.

Each network has a package of its own: `carbosense` makes the CO2 network's telegrams and metadata, `weather` the
files of weather stations.
"""
