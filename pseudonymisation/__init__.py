"""The identity plane: the only code that ever sees an identifier."""
