"""When a release is suggested, who must agree, when NRT data leave the house."""

from functools import cache
from typing import Annotated

from pydantic import Field

from skyledger.config import CONFIG_DIR, Model, load

Share = Annotated[float, Field(ge=0, le=1)]


class ReleaseRules(Model):
    """Rules of the network."""

    release_availability: Annotated[
        Share, Field(description="release is suggested from this share of usable values up")
    ] = 0.8
    release_erroneous: Annotated[Share, Field(description="... and up to this share of erroneous ones")] = (
        0.05
    )
    reject_availability: Annotated[Share, Field(description="rejection is hinted at below this share")] = 0.2
    nrt_availability: Annotated[Share, Field(description="NRT data are exported from this share up")] = 0.5
    nrt: Annotated[bool, Field(description="whether NRT data are exported at all")] = True
    four_eyes: Annotated[bool, Field(description="whether Level 2 needs two people who agree")] = False
    remind_after_days: Annotated[
        int, Field(ge=1, description="a flight that waits so long is told of again")
    ] = 3
    escalate_after_days: Annotated[int, Field(ge=1, description="... and so long, to the managers")] = 10


@cache
def release_rules() -> ReleaseRules:
    """The rules in force. Raises ConfigError."""
    return load(ReleaseRules, CONFIG_DIR / "iagos" / "release.yaml")
