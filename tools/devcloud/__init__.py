"""A small real OpenStack on this machine, to try the engine on and to test it against.

``devcloud.py`` is its command; tests use :class:`tools.devcloud.cloud.Cloud`. Everything here runs on the
system's python3 and its standard library; OpenStack itself is in a virtualenv that ``up`` makes.
"""
