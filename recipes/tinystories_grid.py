"""The study of Linguistic Collapse (arXiv 2405.17767): ``accelerate launch recipes/tinystories_grid.py [PRESET]``.

The same as ``nc-hf study run``; ``--help`` lists every setting.
"""

from __future__ import annotations

from nc_hf.cli.study_run import main

if __name__ == "__main__":
    main()
