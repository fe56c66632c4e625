"""Where work runs. The results never depend on where, nor on how many workers there are."""
