"""Modules of the generator `tools/gen_sync.py`."""
