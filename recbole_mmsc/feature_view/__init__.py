"""A look at the features of a dataset folder: what is there, what is near what, a map."""
