"""What a steganalyst would see."""

from latebra.hiding.audit.report import Row, compare, statistics
from latebra.hiding.audit.roc import Area, area, error_at

__all__ = ["Area", "Row", "area", "compare", "error_at", "statistics"]
