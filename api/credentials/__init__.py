"""Credentials: exchange keys go in, and never come out again."""
