"""What is measured, and the figures made of it."""

from metrics.models.stats import Figure, FillState, Span, WaitsOn

__all__ = ["Figure", "FillState", "Span", "WaitsOn"]
