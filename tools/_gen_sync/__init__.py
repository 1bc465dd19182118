"""The parts of tools/gen_sync.py."""
