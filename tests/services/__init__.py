"""The engine's real process while the real servers around it fail: each test starts servers of its own."""
