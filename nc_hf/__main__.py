"""``python -m nc_hf`` is the command ``nc-hf``."""

from nc_hf.cli import main

if __name__ == "__main__":
    main()
