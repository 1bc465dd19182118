"""The exceptions by subject; `bezant.errors` has them all."""
