"""Fixtures: stand-ins for the services, and a chain that calls them."""

from tests.support.stand_ins import chain, clip, embed, make_server, stand_ins

__all__ = ["chain", "clip", "embed", "make_server", "stand_ins"]
