"""Stroke by Stroke: a miniature unified model that plans, drafts, looks and refines."""

import logging

# on a processor it warns at import of an optional download that the kit does not need
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
