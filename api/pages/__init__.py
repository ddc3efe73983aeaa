"""Pages for people, rendered here from the same services that the API uses."""
