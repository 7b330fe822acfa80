"""Evaluation of relation datasets: masks, per-query results."""
