"""Actors: the thin Ray shells around the pure rooms. Only this room imports ray; `handles` makes every Ray call."""
