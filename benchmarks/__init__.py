"""bezant side by side with its peers: ``nox -s bench``."""
