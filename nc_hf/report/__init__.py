"""What a measurement found and under which circumstances: kept as JSON, shown as a table or a card, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nc_hf.runtime.lazy import lazy_names

if TYPE_CHECKING:
    from nc_hf.report.comparison import Comparison as Comparison
    from nc_hf.report.comparison import compare as compare
    from nc_hf.report.detail import ClassColumns as ClassColumns
    from nc_hf.report.detail import CosineRecord as CosineRecord
    from nc_hf.report.detail import StratumRecord as StratumRecord
    from nc_hf.report.detail import TokenRecord as TokenRecord
    from nc_hf.report.detail import TokenTable as TokenTable
    from nc_hf.report.record import SCHEMA_VERSION as SCHEMA_VERSION
    from nc_hf.report.record import MetricValue as MetricValue
    from nc_hf.report.record import ModelRecord as ModelRecord
    from nc_hf.report.report import Report as Report
    from nc_hf.report.text_record import AgreementRecord as AgreementRecord
    from nc_hf.report.text_record import ClassRecord as ClassRecord
    from nc_hf.report.text_record import CorpusRecord as CorpusRecord

__all__, __getattr__, __dir__ = lazy_names(
    __name__,
    {
        "comparison": ("Comparison", "compare"),
        "detail": ("ClassColumns", "CosineRecord", "StratumRecord", "TokenRecord", "TokenTable"),
        "record": ("SCHEMA_VERSION", "MetricValue", "ModelRecord"),
        "text_record": ("AgreementRecord", "ClassRecord", "CorpusRecord"),
        "report": ("Report",),
    },
)
