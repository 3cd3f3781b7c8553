"""Better API as one installed package.

A wheel holds the repository's packages as parts of this one: `better_api.client.chain`,
`better_api.shared.http` and so on (deploy/wheel.py). In the repository they keep their short names.
"""

from shared import __version__ as __version__
