"""Figures of one report, of several, and of a trajectory; ``save_figure`` writes each as PNG and SVG."""

from importlib.util import find_spec

from nc_hf.errors import InputError

if find_spec("matplotlib") is None:
    raise InputError("figures need matplotlib: pip install 'nc_hf[study]'.")

from nc_hf.report.figures.comparison import comparison_figure as comparison_figure
from nc_hf.report.figures.cosines import cosine_figure as cosine_figure
from nc_hf.report.figures.frequency import agreement_figure as agreement_figure
from nc_hf.report.figures.frequency import norms_figure as norms_figure
from nc_hf.report.figures.frequency import variability_figure as variability_figure
from nc_hf.report.figures.style import save_figure as save_figure
from nc_hf.report.figures.trajectory import trajectory_figure as trajectory_figure
