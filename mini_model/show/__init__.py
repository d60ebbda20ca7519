"""The picture language: the same four stages in READMEs, notebooks and pages; static first, widget second."""

from mini_model.show.attention_explorer import AttentionExplorer, attention_explorer
from mini_model.show.compare import Comparison, compare
from mini_model.show.dial import Dial, dial
from mini_model.show.figure import Figure, figure
from mini_model.show.flow_explorer import FlowExplorer, flow_explorer
from mini_model.show.history import HistoryExplorer, history_explorer
from mini_model.show.judge_boxes import JudgeBoxes, judge_boxes
from mini_model.show.language import alt_text
from mini_model.show.mask_explorer import MaskExplorer, mask_explorer
from mini_model.show.page import page, write_page
from mini_model.show.player import Player, player
from mini_model.show.strip import Strip, strip

__all__ = [
    "AttentionExplorer",
    "Comparison",
    "Dial",
    "Figure",
    "FlowExplorer",
    "HistoryExplorer",
    "JudgeBoxes",
    "MaskExplorer",
    "Player",
    "Strip",
    "alt_text",
    "attention_explorer",
    "compare",
    "dial",
    "figure",
    "flow_explorer",
    "history_explorer",
    "judge_boxes",
    "mask_explorer",
    "page",
    "player",
    "strip",
    "write_page",
]
