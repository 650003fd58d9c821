"""Proof that several engines share the work: real servers, real processes, killed and frozen at random."""
