"""The commands of `harness` beyond the stages, one file each; whatever is heavy is imported when a command runs."""

FAILED, USAGE, INTERRUPTED = 1, 2, 130  # exit codes
