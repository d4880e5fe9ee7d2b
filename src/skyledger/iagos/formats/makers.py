"""Who makes the products, as every product says."""

from functools import cache
from typing import Annotated

from pydantic import Field

from skyledger.config import CONFIG_DIR, Model, load

Text = Annotated[str, Field(min_length=1, pattern=r"^[^\n\r]*$")]


class Makers(Model):
    """Names, addresses and terms."""

    originator: Annotated[Text, Field(description="of NASA Ames files: names, family name first")]
    institution: Text
    project: Text
    license: Annotated[Text, Field(description="terms of use")]
    naming_authority: Annotated[Text, Field(description="reversed domain under which an id is unique")]
    creator_name: Text
    creator_email: Text
    creator_url: Text
    publisher_name: Text
    publisher_email: Text
    publisher_url: Text
    keywords: Text


@cache
def makers() -> Makers:
    """The network's makers. Raises ConfigError."""
    return load(Makers, CONFIG_DIR / "iagos" / "makers.yaml")
