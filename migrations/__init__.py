"""The schema's history, for Alembic. `storage.migrate` runs it; `tradefleet migrate` is the command for it."""
