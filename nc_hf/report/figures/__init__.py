"""Figures of one report, of several, and of a trajectory; ``save_figure`` writes each as PNG and SVG."""

# ruff: noqa: E402  # what is missing is said before anything of it is imported

from nc_hf.runtime.extras import require

require("figures need", "study", "matplotlib", "scipy")

from nc_hf.report.figures.comparison import comparison_figure as comparison_figure
from nc_hf.report.figures.cosines import cosine_figure as cosine_figure
from nc_hf.report.figures.frequency import agreement_figure as agreement_figure
from nc_hf.report.figures.frequency import norms_figure as norms_figure
from nc_hf.report.figures.frequency import variability_figure as variability_figure
from nc_hf.report.figures.style import save_figure as save_figure
from nc_hf.report.figures.trajectory import trajectory_figure as trajectory_figure
