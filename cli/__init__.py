"""The command headwater: one thin file a verb."""
