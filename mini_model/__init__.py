"""Stroke by Stroke: a miniature unified model that plans, drafts, looks and refines."""
