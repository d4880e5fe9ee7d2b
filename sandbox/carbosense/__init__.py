"""The CO2 network of the sandbox: a true field, sensors that distort it, telegrams, metadata, and the truth."""

from sandbox.carbosense.world import CarboSenseWorld, Written

__all__ = ["CarboSenseWorld", "Written"]
