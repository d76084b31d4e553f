"""`python -m workingpapers`."""

from workingpapers.cli.main import run

if __name__ == "__main__":
    run()
