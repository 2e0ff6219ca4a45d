"""The command line: parse, call a pipeline or service, print. Nothing is decided here."""
