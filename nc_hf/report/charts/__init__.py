"""Pictures for pages as Vega-Lite specifications: plain data, which a browser draws, or vl-convert as SVG and PNG."""

from nc_hf.report.charts.comparison import comparison_chart as comparison_chart
from nc_hf.report.charts.course import course_chart as course_chart
from nc_hf.report.charts.frequencies import frequencies_chart as frequencies_chart
from nc_hf.report.charts.frequency import frequency_chart as frequency_chart
from nc_hf.report.charts.layers import layers_chart as layers_chart
from nc_hf.report.charts.plane import plane_chart as plane_chart
from nc_hf.report.charts.style import Chart as Chart
from nc_hf.report.charts.token_map import token_chart as token_chart
