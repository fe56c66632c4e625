"""The families of generative models, one readable file each; what several of them share is in `parts_*.py`."""
