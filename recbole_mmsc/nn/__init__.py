"""MMSC as pure PyTorch: content, behaviour, hierarchical aggregation and losses."""
