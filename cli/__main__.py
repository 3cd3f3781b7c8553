"""`python -m cli`: the `better` command without its installation, as in an image."""

from cli.main import main

main()
