"""Performance: what accounts are worth, what they hold, what they have earned."""
