"""The muon world of the sandbox: air above, muons through four planes, detector files, and the truth about them."""

from sandbox.minitrasgo.world import MuonStation, Written

__all__ = ["MuonStation", "Written"]
