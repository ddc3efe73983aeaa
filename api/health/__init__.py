"""Health: whether this process lives, whether it can serve, and what it offers."""
