"""What a study's results say: with the loss, along each setting, among seeds, and beside what was published."""

from nc_hf.runtime.extras import require

require("studies need", "study", "matplotlib", "pandas", "pooch", "scipy")
