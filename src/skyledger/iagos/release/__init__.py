"""Decisions of the PI, versions, products, delivery, reprocessing."""
