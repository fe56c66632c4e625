"""Studies: what a benchmark says beyond its leaderboard. Each expands a benchmark, reads scores back, and concludes."""
