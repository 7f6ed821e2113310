"""``python -m easel``: the same command as ``easel``."""

from cli.main import main

if __name__ == "__main__":
    main()
