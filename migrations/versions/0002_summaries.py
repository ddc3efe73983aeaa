"""Sum fills up by day and equity by hour.

Continuous aggregates where TimescaleDB's licence has them, ordinary views elsewhere: same names, same columns, so that
no query knows which. Days and hours are UTC's.
"""

from alembic import op
from sqlalchemy import text

revision = "0002"
down_revision = "0001"

FILLS_DAILY = """
    SELECT {day} AS day, account_id, user_id, symbol, fee_asset,
        count(*) AS fills,
        coalesce(sum(quantity) FILTER (WHERE side = 'buy'), 0) AS bought,
        coalesce(sum(quantity) FILTER (WHERE side = 'sell'), 0) AS sold,
        coalesce(sum(quantity * price) FILTER (WHERE side = 'buy'), 0) AS bought_quote,
        coalesce(sum(quantity * price) FILTER (WHERE side = 'sell'), 0) AS sold_quote,
        sum(fee) AS fee
    FROM fills GROUP BY {day}, account_id, user_id, symbol, fee_asset
"""
EQUITY_HOURLY = """
    SELECT {hour} AS hour, account_id, user_id, quote_asset,
        {last_equity} AS equity, min(equity) AS equity_min, max(equity) AS equity_max,
        {last_realised} AS realised, {last_unrealised} AS unrealised
    FROM equity GROUP BY {hour}, account_id, user_id, quote_asset
"""
VIEWS = {"fills_daily": FILLS_DAILY, "equity_hourly": EQUITY_HOURLY}

ON_TIMESCALEDB = {
    "day": "time_bucket(interval '1 day', at)",
    "hour": "time_bucket(interval '1 hour', at)",
} | {f"last_{column}": f"last({column}, at)" for column in ("equity", "realised", "unrealised")}
ON_PLAIN_POSTGRES = {
    "day": "date_bin(interval '1 day', at, timestamptz '2000-01-01 00:00+00')",
    "hour": "date_bin(interval '1 hour', at, timestamptz '2000-01-01 00:00+00')",
} | {f"last_{column}": f"(array_agg({column} ORDER BY at DESC))[1]" for column in ("equity", "realised", "unrealised")}


def licence() -> str | None:
    """TimescaleDB's, or None where it is not."""
    setting = text("SELECT current_setting('timescaledb.license') FROM pg_extension WHERE extname = 'timescaledb'")
    found = op.get_bind().scalar(setting)
    return None if found is None else str(found)


def upgrade() -> None:
    terms = licence()
    for name, query in VIEWS.items():
        body = query.format_map(ON_TIMESCALEDB if terms else ON_PLAIN_POSTGRES)
        if terms == "timescale":
            # What is newer than the last refresh is added at reading, so that the views say the same everywhere.
            op.execute(
                f"CREATE MATERIALIZED VIEW {name} WITH (timescaledb.continuous, timescaledb.materialized_only = false) "
                f"AS {body} WITH NO DATA"
            )
            op.execute(
                f"SELECT add_continuous_aggregate_policy('{name}', start_offset => NULL, "
                "end_offset => interval '1 hour', schedule_interval => interval '30 minutes')"
            )
        else:
            op.execute(f"CREATE VIEW {name} AS {body}")


def downgrade() -> None:
    kind = "MATERIALIZED VIEW" if licence() == "timescale" else "VIEW"
    for name in VIEWS:
        op.execute(f"DROP {kind} {name}")
