"""Where embeddings of a gallery come from that weren't made here."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, Field, StringConstraints

MOST = 16
"""Files that a gallery remembers; the oldest go first."""


Line = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
"""A text without line breaks and control characters."""


class Origin(BaseModel, frozen=True, extra="forbid"):
    """A file whose embeddings were imported."""

    file: Line = Field(description="its name, without its folder")
    sha256: Line
    imported_at: AwareDatetime = Field(description="when it was imported last")
    exported_at: AwareDatetime | None = Field(None, description="as its card says")
    provenance: Line | None = Field(None, description="as the card of another system says")
    sightings: int = Field(description="rows of the file")
