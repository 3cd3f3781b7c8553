"""`python -m cli`: the `better` command where it is not installed, as in an image."""

from cli.main import main

main()
