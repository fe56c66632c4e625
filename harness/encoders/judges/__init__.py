"""Judges of single images: how well one shows its prompt, or how it pleases; one file each and table.py."""
