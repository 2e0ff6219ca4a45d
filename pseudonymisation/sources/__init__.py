"""What brings raw interactions in: published sets, one's own files, and the sample service.

Part of the identity plane: everything here handles events that still carry identifiers, so nothing here may be
imported from outside ``pseudonymisation`` except by the composition root. A source only reads; it never drops or
repairs an event, that is the gateway's work. ``source`` states the contract, ``registry`` finds the right source for a
folder.
"""
