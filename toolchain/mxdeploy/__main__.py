"""``python -m mxdeploy``."""

from mxdeploy.cli.main import main

if __name__ == "__main__":
    main()
