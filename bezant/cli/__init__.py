"""Subcommands of the ``bezant`` command; ``bezant.__main__`` parses the arguments."""
