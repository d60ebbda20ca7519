"""Painting as people do: plan, draft, look, say what is wrong, refine, go on."""

from mini_model.process.painter import Painter, Settings, paint_many

__all__ = ["Painter", "Settings", "paint_many"]
