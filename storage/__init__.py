"""Storage: tables, repositories, ledger writer, leases, sessions, the local database.

`tables` is the schema; one repository per noun holds the queries on it, and no query lives elsewhere. `local` runs a
private database server when none is given. Imports `trading` and `security`.
"""
