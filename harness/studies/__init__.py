"""Published studies whose data the harness ships, so that a ranking can be held against them."""
