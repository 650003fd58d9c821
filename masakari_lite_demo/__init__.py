"""A demonstration: a real engine recovers the instances of a failed host on a simulated cloud."""
