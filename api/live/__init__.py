"""Live: what happens, as it happens, to whoever watches. Everything shown is committed, since it is read back."""
