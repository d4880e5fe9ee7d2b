"""Operators: connections and data days on one side, one call into skyledger on the other."""
