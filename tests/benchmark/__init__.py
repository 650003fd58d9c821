"""How fast a recovery is, and what it costs Nova, beside a bare loop that keeps no journal."""
