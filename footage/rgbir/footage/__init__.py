"""From footage to the gallery: frames of recordings and streams, the people in them, their tracks, and the shots that are enrolled."""

__all__: list[str] = []
