"""How well the model paints, and how fast: fixed prompts, an exact judge, honest intervals, measured speed."""
