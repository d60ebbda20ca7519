"""The whole way from a picture's pixels and words to a drawn picture or an answer."""

import torch
from PIL import Image
from torch import Tensor

from mini_model.model.attention import Cache
from mini_model.model.contexts import THINK_FIRST, Contexts, Fit, picture_segments
from mini_model.model.generate import greedy, write
from mini_model.model.parity.drawing import check_picture, grey_levels, guidance_of, walk_of
from mini_model.model.parity.layout import grid_of
from mini_model.model.parity.memory import greedy_logits
from mini_model.model.parity.report import PIXEL, Golden
from mini_model.model.pictures import resize, to_pixels
from mini_model.model.unified import UnifiedModel
