"""How a benchmark grows with images and generators: measured by `python -m tests.scale`."""
