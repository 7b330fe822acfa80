"""RecBole settings that come with the package: models, datasets, benchmark plans."""
