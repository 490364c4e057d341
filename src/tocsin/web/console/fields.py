"""Fields of the console's forms, in unfold's looks."""

from __future__ import annotations

from typing import Any

from django import forms
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldBooleanSwitchWidget


class NumberField(forms.IntegerField):
    """A whole number; the browser knows its bounds, too."""

    widget = UnfoldAdminIntegerFieldWidget


class SwitchField(forms.BooleanField):
    widget = UnfoldBooleanSwitchWidget

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
