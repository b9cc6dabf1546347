"""Form fields in the markup of the design system."""

from typing import Any

from django import forms
from django.forms.boundfield import BoundField

BOXES = (forms.RadioSelect, forms.CheckboxInput, forms.CheckboxSelectMultiple, forms.HiddenInput)


class HubForm(forms.Form):
    """Plain form whose controls carry our classes; labels have no colon."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        for field in self.fields.values():
            widget = field.widget
            if not isinstance(widget, BOXES):
                widget.attrs.setdefault("class", "in")
            if isinstance(widget, forms.DateInput):
                widget.input_type = "date"
                widget.format = "%Y-%m-%d"

    @property
    def faulty(self) -> list[BoundField]:
        """The visible fields that need a change, in order, for the error summary."""
        return [field for field in self.visible_fields() if field.errors]


class TextArea(forms.Textarea):
    """A text area of a given height."""

    def __init__(self, rows: int = 3) -> None:
        super().__init__(attrs={"rows": rows, "cols": None})
