"""The API's own description: the schema as JSON, a page for people made from it, and what each problem means."""
