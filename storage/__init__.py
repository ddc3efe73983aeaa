"""Storage: tables, repositories, ledger writer, leases, sessions, the local database.

`tables` is the schema and `migrate` brings a database to it; `database` is the one door: an engine in a role, and
transactions. One repository per noun holds the queries on it, and no query lives elsewhere; each of its functions takes
the transaction first and never ends it. `orders` is the heart: what is intended, and what became of it.

`local` runs a private database server when none is given, out of `binaries` (where its programs come from), `debian`,
`datadir` (its folder) and `postmaster` (its process). Imports `trading` and `security`.
"""
