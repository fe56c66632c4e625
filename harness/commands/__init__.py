"""The commands of `harness` beyond the stages, one file each; whatever is heavy is imported when a command runs."""
