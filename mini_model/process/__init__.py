"""Painting as people do: plan, draft, look, say what is wrong, refine, go on."""

from mini_model.process.easel import Settings
from mini_model.process.painter import Painter
from mini_model.process.strategies import STRATEGIES, paint_many

__all__ = ["STRATEGIES", "Painter", "Settings", "paint_many"]
