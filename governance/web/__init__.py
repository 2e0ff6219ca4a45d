"""HTTP: the API under /api/v1 and the console. Parse, call a service, answer; nothing is decided here."""
