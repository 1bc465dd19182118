"""Parts of gen_api.py."""
