"""Code that services, gateway, client and tools have in common."""

__version__ = "0.2.0"
"""Version of Better API, which pyproject.toml, the OpenAPI documents and `better` read here."""
