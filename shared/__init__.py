"""Code that services, gateway, client and tools have in common."""

__version__ = "0.2.0"
"""Of Better API: pyproject.toml, the OpenAPI documents and `better --version` read it here."""
