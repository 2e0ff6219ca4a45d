"""Re-identification: who is behind a pseudonym, for a case, by two people, once."""
