"""Where pseudonymised events lie. See ``store.Lake``."""

from pseudonymisation.lake.store import Appended, EraseResult, Lake

__all__ = ["Appended", "EraseResult", "Lake"]
