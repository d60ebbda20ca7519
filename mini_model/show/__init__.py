"""The picture language: the same four stages in READMEs, notebooks and pages; static first, widget second."""

from mini_model.show.language import alt_text
from mini_model.show.page import page, write_page
from mini_model.show.player import Player, player
from mini_model.show.strip import Strip, strip

__all__ = ["Player", "Strip", "alt_text", "page", "player", "strip", "write_page"]
