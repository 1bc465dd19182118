"""Modules of the generator `tools/gen_api.py`."""
