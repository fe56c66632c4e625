"""Static pages over many runs, made of their records, leaderboards and locks alone."""
