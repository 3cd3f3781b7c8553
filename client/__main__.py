"""`python -m client`: the `better` command where it is not installed, as in an image."""

from client.cli import main

main()
