"""Labels of pairs by a language model, by rules or by people: supervision for training only."""
