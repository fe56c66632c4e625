"""Real images: datasets with named splits, one file each, and the table of their facts."""
