"""`python -m better_api`: the `better` command."""

from cli.main import main

if __name__ == "__main__":
    main()
