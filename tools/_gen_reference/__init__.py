"""Parts of `tools/gen_reference.py`, which writes the pages of the reference."""
