"""The vault: who is behind a pseudonym, in a database of its own.

Trusted for: secrecy only together with the keyring file. Whoever reads this database without the keys learns how many
subjects there are and how many identifiers of which type each has. Not trusted for integrity: whoever can write it can
lose rows, or point an identifier at another subject, which shows only when the identifier is opened: each sealed value
is bound to its subject.
"""

from pseudonymisation.vault.database import create_vault_engine, require_current, vault_migrate
from pseudonymisation.vault.store import Destruction, Vault

__all__ = ["Destruction", "Vault", "create_vault_engine", "require_current", "vault_migrate"]
