"""The web API (Litestar). A folder per noun: controller, schemas, service. Queries live in `storage`."""
