"""The endpoint table: one value for each operation, a module for each group."""
