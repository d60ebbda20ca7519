"""The unified model at any size: words and pictures in one sequence, two experts in one transformer."""

from mini_model.model.config import UnifiedConfig
from mini_model.model.unified import UnifiedModel

__all__ = ["UnifiedConfig", "UnifiedModel"]
