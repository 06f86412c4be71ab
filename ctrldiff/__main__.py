"""`python -m ctrldiff`."""

from ctrldiff.cli import main

if __name__ == "__main__":
    main()
