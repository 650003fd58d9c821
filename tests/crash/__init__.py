"""Proof that a crash changes nothing: the engine's real process is killed anywhere, and starts again."""
