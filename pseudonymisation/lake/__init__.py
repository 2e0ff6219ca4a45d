"""Where pseudonymised events lie. See ``store.Lake``."""

from pseudonymisation.lake.store import Appended, EraseResult, ExpireResult, Lake

__all__ = ["Appended", "EraseResult", "ExpireResult", "Lake"]
