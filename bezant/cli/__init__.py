"""What the ``bezant`` command does; ``bezant.__main__`` reads its arguments."""
