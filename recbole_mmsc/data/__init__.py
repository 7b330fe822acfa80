"""Reading a built dataset folder: queries, features, relations."""
