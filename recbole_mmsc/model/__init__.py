"""RecBole wrappers: MMSC, and further models, one file each."""
