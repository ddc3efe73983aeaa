"""Keep tenants apart: two roles, what each may do, and row-level security on every table that belongs to somebody.

`tradefleet_fleet` trades for all tenants. `tradefleet_api` acts for one user at a time, the one that the transaction
names in `tradefleet.user_id`; with `tradefleet.admin` it reads, and only reads, across tenants. Neither is a login.
"""

from alembic import op

revision = "0003"
down_revision = "0002"

FLEET = "tradefleet_fleet"
API = "tradefleet_api"
ME = "(SELECT current_setting('tradefleet.user_id', true))"
STAFF = "(SELECT coalesce(current_setting('tradefleet.admin', true), '') = 'on')"
MY_ACCOUNTS = f"(SELECT id FROM accounts WHERE user_id = {ME})"  # noqa: S608  (no word of it comes from outside)

OWNED = {
    # table: what a row written through the API must be, besides its writer's
    "accounts": "true",
    "api_tokens": f"(account_id IS NULL OR account_id IN {MY_ACCOUNTS})",
    "sessions": "true",
    "credentials": f"account_id IN {MY_ACCOUNTS}",
    "strategy_configs": f"account_id IN {MY_ACCOUNTS}",
    "runs": f"account_id IN {MY_ACCOUNTS}",
    "account_runtime": f"account_id IN {MY_ACCOUNTS}",
    "controls": f"(scope = {ME} OR split_part(scope, '/', 1) IN {MY_ACCOUNTS})",
    "order_intents": f"account_id IN {MY_ACCOUNTS}",
    "orders": f"account_id IN {MY_ACCOUNTS}",
    "events": f"(account_id IS NULL OR account_id IN {MY_ACCOUNTS})",
}
TENANT_TABLES = ("users", *OWNED)
HYPERTABLES = ("fills", "equity", "decisions", "candles")
VIEWS = ("fills_daily", "equity_hourly")

GRANTS = {
    FLEET: {
        "SELECT, INSERT, UPDATE, DELETE": (
            *(*TENANT_TABLES, *HYPERTABLES),
            *("account_leases", "account_cursors", "service_leases"),
        ),
        "SELECT, INSERT": ("audit_log",),
        "SELECT": (*VIEWS, "alembic_version"),
    },
    API: {
        "SELECT, INSERT, UPDATE, DELETE": ("api_tokens", "sessions", "controls"),
        "SELECT, INSERT": ("users", "accounts", "strategy_configs", "events", "audit_log"),
        "UPDATE (email, password_hash, disabled_at)": ("users",),
        "UPDATE (name, desired_state, isolation, crash_contract, time_zone, archived_at)": ("accounts",),
        # Keys go in and are replaced, and never come out again, not even sealed.
        "INSERT, UPDATE, DELETE": ("credentials",),
        "SELECT (account_id, user_id, key_last4, master_key_id, version, updated_at)": ("credentials",),
        "SELECT": (
            *("runs", "account_runtime", "order_intents", "orders"),
            *(*HYPERTABLES, *VIEWS, "alembic_version"),
        ),
    },
}


def upgrade() -> None:
    for role in (FLEET, API):
        create_role(role)
    for role, privileges in GRANTS.items():
        for privilege, tables in privileges.items():
            op.execute(f"GRANT {privilege} ON {', '.join(tables)} TO {role}")
    for table in TENANT_TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY fleet ON {table} TO {FLEET} USING (true) WITH CHECK (true)")
        op.execute(f"CREATE POLICY staff ON {table} FOR SELECT TO {API} USING ({STAFF})")
    for table, check in OWNED.items():
        op.execute(
            f"CREATE POLICY own ON {table} TO {API} USING (user_id = {ME}) WITH CHECK (user_id = {ME} AND {check})"
        )
    # Through the API people register as users; what else they may be, the operator says on the command line.
    op.execute(f"CREATE POLICY own ON users TO {API} USING (id = {ME}) WITH CHECK (id = {ME})")
    op.execute(f"CREATE POLICY newcomer ON users AS RESTRICTIVE FOR INSERT TO {API} WITH CHECK (role = 'user')")
    # The switch over everything is everybody's to see and staff's to turn.
    op.execute(f"CREATE POLICY platform_seen ON controls FOR SELECT TO {API} USING (scope = '*')")
    op.execute(
        f"CREATE POLICY platform ON controls TO {API} USING (scope = '*' AND {STAFF}) "
        f"WITH CHECK (scope = '*' AND user_id IS NULL AND {STAFF})"
    )


def downgrade() -> None:
    policies = {"users": ("newcomer",), "controls": ("platform", "platform_seen")}
    for table in TENANT_TABLES:
        for policy in ("fleet", "staff", "own", *policies.get(table, ())):
            op.execute(f"DROP POLICY {policy} ON {table}")
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")
    # The roles themselves stay: they belong to the server, and its other databases may use them.
    for role, privileges in GRANTS.items():
        tables = {table for of_privilege in privileges.values() for table in of_privilege}
        op.execute(f"REVOKE ALL ON {', '.join(sorted(tables))} FROM {role}")


def create_role(role: str) -> None:
    """Roles belong to the whole server, so another database's migration may have made it, or be making it now."""
    op.execute(
        f"DO $$ BEGIN CREATE ROLE {role} NOLOGIN NOINHERIT; "
        "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
    )
    op.execute(
        f"DO $$ BEGIN IF NOT pg_has_role(current_user, '{role}', 'SET') THEN GRANT {role} TO CURRENT_USER; "
        "END IF; END $$"
    )
