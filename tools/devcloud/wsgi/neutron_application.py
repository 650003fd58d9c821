"""Neutron's API, made ready for a cloud that has no networks.

Listing ports reads an attribute of Port that SQLAlchemy adds when it configures its mappers. That happens
with the first query of certain kinds, and without networks there may be none before Nova lists ports.
"""

from neutron.db.models import port_forwarding  # it defines the attribute
from neutron.wsgi.api import application
from sqlalchemy import orm

orm.configure_mappers()

__all__ = ["application", "port_forwarding"]
