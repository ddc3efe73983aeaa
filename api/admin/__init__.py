"""Admin: staff over all tenants. Support reads and is written down; admins also act, and say why."""
